-- Adds uses of a day and source that were counted when they were recorded, and are kept. Served by the primary key of
-- kept_day.
INSERT INTO kept_day (day, source_id, uses)
VALUES (:day, :source_id, :uses)
ON CONFLICT DO UPDATE SET uses = min(uses + excluded.uses, 4611686018427387904)
