-- Counts the slices of one track under another. A scan of slice_count: the few days that are still asked again.
INSERT INTO slice_count (source_id, day, from_hour, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT source_id, day, from_hour, :into, verdict_id, uses, first_ms, last_ms, hours
FROM slice_count
WHERE track_id = :from
ON CONFLICT DO UPDATE SET
    uses     = min(uses + excluded.uses, 281474976710656),
    first_ms = min(first_ms, excluded.first_ms),
    last_ms  = max(last_ms, excluded.last_ms),
    hours    = hours | excluded.hours
