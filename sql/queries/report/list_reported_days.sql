-- How many remained, and how many of the active people were observed, as reported on each day? Served by the primary key of
-- reported_day.
SELECT day, remaining, active, observed
FROM reported_day
WHERE campaign = :campaign
ORDER BY day
