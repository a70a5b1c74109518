-- Which intervals of a source overlap or touch a new one? They are disjoint, so they begin at the last one that starts
-- before it. Served by the primary key of coverage.
SELECT from_ms, to_ms, state, items, skipped, reason
FROM coverage
WHERE source_id = :source_id
  AND from_ms >= coalesce(
      (SELECT max(from_ms) FROM coverage WHERE source_id = :source_id AND from_ms < :from_ms),
      :from_ms
  )
  AND from_ms <= :to_ms
  AND to_ms >= :from_ms
ORDER BY from_ms
