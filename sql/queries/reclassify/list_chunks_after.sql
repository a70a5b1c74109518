-- Which chunks come after one, in the order in which they were recorded? Served by the rowids of chunk and source.
SELECT chunk.id, source.name, chunk.bytes
FROM chunk
JOIN source ON source.id = chunk.source_id
WHERE chunk.id > :after
ORDER BY chunk.id
LIMIT :limit
