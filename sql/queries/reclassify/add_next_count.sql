-- Adds uses of one track on one day with one verdict, as they are judged now. Served by the primary key of day_count_next.
INSERT INTO day_count_next (day, track_id, verdict_id, uses, first_ms, last_ms, hours)
VALUES (:day, :track_id, :verdict_id, :uses, :first_ms, :last_ms, :hours)
ON CONFLICT DO UPDATE SET
    uses     = min(uses + excluded.uses, 281474976710656),
    first_ms = min(first_ms, excluded.first_ms),
    last_ms  = max(last_ms, excluded.last_ms),
    hours    = hours | excluded.hours
