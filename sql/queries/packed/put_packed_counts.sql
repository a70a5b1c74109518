-- Packs one track's counts of one period. By the primary key of packed_counts.
INSERT INTO packed_counts (id, counts) VALUES (:id, :counts)
ON CONFLICT DO UPDATE SET counts = excluded.counts
