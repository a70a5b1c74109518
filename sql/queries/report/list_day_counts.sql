-- How often was each track seen on each day, up to a day? One scan in the order of the primary key of day_count.
SELECT day, track_id, verdict_id, uses, first_ms, last_ms
FROM day_count
WHERE day <= :until
ORDER BY day, track_id, verdict_id
