-- Adds to what has come of an answer; the track says of which source. By the primary keys of staged_count and track.
INSERT INTO staged_count (source_id, day, track_id, verdict_id, uses, first_ms, last_ms, hours)
VALUES ((SELECT source_id FROM track WHERE id = :track_id), :day, :track_id, :verdict_id, :uses, :first_ms, :last_ms, :hours)
ON CONFLICT DO UPDATE SET
    uses     = min(uses + excluded.uses, 281474976710656),
    first_ms = min(first_ms, excluded.first_ms),
    last_ms  = max(last_ms, excluded.last_ms),
    hours    = hours | excluded.hours
