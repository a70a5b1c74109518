-- Notes how far a reclassification is. Served by the primary key of reclassification.
INSERT INTO reclassification (id, fingerprint, done_chunk, items)
VALUES (1, :fingerprint, :done_chunk, :items)
ON CONFLICT DO UPDATE SET
    fingerprint = excluded.fingerprint,
    done_chunk  = excluded.done_chunk,
    items       = excluded.items
