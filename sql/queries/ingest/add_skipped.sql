-- Counts items that were not kept; the newest sample stays. Served by the primary key of skipped.
INSERT INTO skipped (source_id, reason, total, sample)
VALUES (:source_id, :reason, :total, :sample)
ON CONFLICT DO UPDATE SET
    total  = total + excluded.total,
    sample = excluded.sample
