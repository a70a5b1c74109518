-- Counts the slices of a source's day. By the primary key of slice_count.
INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT day, track_id, verdict_id, uses, first_ms, last_ms, hours
FROM slice_count
WHERE source_id = :source_id
  AND day = :day
ON CONFLICT DO UPDATE SET
    uses     = min(uses + excluded.uses, 281474976710656),
    first_ms = min(first_ms, excluded.first_ms),
    last_ms  = max(last_ms, excluded.last_ms),
    hours    = hours | excluded.hours
