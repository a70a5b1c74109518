-- Counts items under what they were judged by. Served by the primary key of ruling.
INSERT INTO ruling (fingerprint, items)
VALUES (:fingerprint, :items)
ON CONFLICT DO UPDATE SET items = min(items + excluded.items, 4611686018427387904)
