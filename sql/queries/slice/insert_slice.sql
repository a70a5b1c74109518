-- Keeps a whole answer as a slice. By the primary key of staged_count.
INSERT INTO slice_count (source_id, day, from_hour, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT source_id, day, :from_hour, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM staged_count
WHERE source_id = :source_id
  AND day = :day
