-- Up to when was a source looked at? NULL: never. Backwards over the rows of one source, by the primary key of coverage: they
-- are disjoint, so the first one that was looked at is the answer.
SELECT (
    SELECT to_ms
    FROM coverage
    WHERE source_id = (SELECT id FROM source WHERE name = :source)
      AND state IN (:covered, :partial)
    ORDER BY from_ms DESC
    LIMIT 1
) AS to_ms
