-- Which chunk is the newest? 0: there is none. Served by the rowid of chunk.
SELECT coalesce(max(id), 0) AS id FROM chunk
