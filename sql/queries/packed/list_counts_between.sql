-- What was counted from a day to another, both included? Served by the primary key of day_count, in whose order the rows come.
SELECT day, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM day_count
WHERE day BETWEEN :from AND :to
ORDER BY day, track_id, verdict_id
