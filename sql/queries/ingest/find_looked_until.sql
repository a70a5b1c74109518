-- Up to when was a source looked at? NULL: never. The rows of one source, by the primary key of coverage.
SELECT max(to_ms) AS to_ms
FROM coverage
WHERE source_id = (SELECT id FROM source WHERE name = :source)
  AND state IN (:covered, :partial)
