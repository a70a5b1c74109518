-- Counts what a file says of a day of a source. By the primary key of staged_count.
INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT day, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM staged_count
WHERE source_id = :source_id
  AND day = :day
