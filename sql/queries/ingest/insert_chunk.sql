-- Keeps one batch as it was read. Appends to chunk.
INSERT INTO chunk (source_id, recorded_ms, items, first_ms, last_ms, bytes)
VALUES (:source_id, :recorded_ms, :items, :first_ms, :last_ms, :bytes)
RETURNING id
