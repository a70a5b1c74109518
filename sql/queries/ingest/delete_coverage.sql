-- Removes an interval that a merged one replaces. Served by the primary key of coverage.
DELETE FROM coverage WHERE source_id = :source_id AND from_ms = :from_ms
