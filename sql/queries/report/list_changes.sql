-- Which statuses changed since a day? Served by status_change_by_day.
SELECT day, campaign, integration, from_status, to_status, cause, reason
FROM status_change
WHERE day >= :since
ORDER BY day, integration, id
