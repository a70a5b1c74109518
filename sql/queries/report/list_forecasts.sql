-- What was forecast on each day for which others? Served by the primary key of forecast.
SELECT day, target_day, p10, p50, p90, zero_probability
FROM forecast
WHERE campaign = :campaign
ORDER BY day, target_day
