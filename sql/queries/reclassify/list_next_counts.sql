-- What would be counted up to a day by the present rules? Served by the primary key of day_count_next.
SELECT day, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM day_count_next
WHERE day <= :until
