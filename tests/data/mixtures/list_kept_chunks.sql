-- Which items were kept of which source? One scan of chunk, in the order of recording.
SELECT source.name, chunk.bytes
FROM chunk
JOIN source ON source.id = chunk.source_id
ORDER BY chunk.id
