-- Somebody else has judged: the last change of status once more, as a new one.
INSERT INTO status_change (day, campaign, integration, from_status, to_status, cause, reason)
SELECT day, campaign, integration, from_status, to_status, cause, reason
FROM status_change
ORDER BY id DESC
LIMIT 1
