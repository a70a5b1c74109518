-- Puts what is left of a chunk in its place. By the primary key of chunk.
UPDATE chunk
SET items = :items,
    first_ms = :first_ms,
    last_ms = :last_ms,
    bytes = :bytes
WHERE id = :id
