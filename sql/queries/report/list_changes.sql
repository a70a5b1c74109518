-- Which statuses changed, in the order in which it was recorded? A scan of status_change.
SELECT day, campaign, integration, from_status, to_status, cause, reason
FROM status_change
ORDER BY id
