-- What does a chunk hold? Served by the primary key of chunk.
SELECT bytes
FROM chunk
WHERE id = :id
