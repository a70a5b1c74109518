-- Counts a day's uses of one track under another. By the primary key of day_count.
INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT day, :into, verdict_id, uses, first_ms, last_ms, hours
FROM day_count
WHERE day = :day
  AND track_id = :from
ON CONFLICT DO UPDATE SET
    uses     = min(uses + excluded.uses, 281474976710656),
    first_ms = min(first_ms, excluded.first_ms),
    last_ms  = max(last_ms, excluded.last_ms),
    hours    = hours | excluded.hours
