-- Counts items that were not kept; the newest sample stays. Served by the primary key of skipped.
INSERT INTO skipped (source_id, reason, total, sample)
VALUES (:source_id, :reason, :total, :sample)
ON CONFLICT DO UPDATE SET
    total  = min(total + excluded.total, 4611686018427387904),
    sample = excluded.sample
