-- Adds an interval. Checked by the primary key of coverage.
INSERT INTO coverage (source_id, from_ms, to_ms, state, items, skipped, reason)
VALUES (:source_id, :from_ms, :to_ms, :state, :items, :skipped, :reason)
