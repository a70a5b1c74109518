INSERT INTO reclassification (id, fingerprint, done_chunk, items, per_source) VALUES (1, 'ffff', 0, 0, 25000)
ON CONFLICT DO UPDATE SET per_source = 25000;
INSERT INTO recipient (message_id, address, state, attempts, due_ms, settled_ms, failure) VALUES
    (1, 'gone@example.test', 'given_up', 0, 1783058400000, 1783058401000, 'its recipient is not configured any more');
