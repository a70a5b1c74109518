-- Which sources were read in part when they were read last, why, and when was each read whole? NULL: never. A scan of source, which is
-- small; the newest interval of each and the newest whole one are found from behind by the primary key of coverage.
SELECT
    source.name,
    newest.reason,
    (
        SELECT whole.to_ms - 1
        FROM coverage AS whole
        WHERE whole.source_id = source.id
          AND whole.state = :covered
        ORDER BY whole.from_ms DESC
        LIMIT 1
    ) AS whole_ms
FROM source
CROSS JOIN coverage AS newest
  ON newest.source_id = source.id
 AND newest.from_ms = (SELECT max(from_ms) FROM coverage WHERE source_id = source.id)
WHERE newest.state = :partial
  AND newest.reason <> ''
ORDER BY source.name
