INSERT INTO reclassification (id, fingerprint, done_chunk, items, per_source) VALUES (1, 'ffff', 0, 0, 25000)
ON CONFLICT DO UPDATE SET per_source = 25000;
