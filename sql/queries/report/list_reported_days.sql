-- How many remained, as reported on each day? Served by the primary key of reported_day.
SELECT day, remaining
FROM reported_day
WHERE campaign = :campaign
ORDER BY day
