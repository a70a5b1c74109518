-- Which chunks hold something from before an instant, after one of them? Served by chunk_by_first.
SELECT id, first_ms, last_ms
FROM chunk
WHERE first_ms < :before_ms
  AND (first_ms, last_ms, id) > (:first_ms, :last_ms, :id)
ORDER BY first_ms, last_ms, id
LIMIT :limit
