-- Keeps a change of status. Appends to status_change.
INSERT INTO status_change (day, campaign, integration, from_status, to_status, cause, reason)
VALUES (:day, :campaign, :integration, :from_status, :to_status, :cause, :reason)
