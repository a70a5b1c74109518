-- Notes how far a reclassification is. Served by the primary key of reclassification.
INSERT INTO reclassification (id, fingerprint, done_chunk, items, per_source)
VALUES (1, :fingerprint, :done_chunk, :items, :per_source)
ON CONFLICT DO UPDATE SET
    fingerprint = excluded.fingerprint,
    done_chunk  = excluded.done_chunk,
    items       = excluded.items,
    per_source  = excluded.per_source
