-- How often was each track seen on each day, up to a day? Served by the primary key of day_count,
-- in whose order the rows come.
SELECT day, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM day_count
WHERE day <= :until
ORDER BY day, track_id, verdict_id
