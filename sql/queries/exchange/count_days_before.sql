-- Of how many days of a source does an earlier file than this one say what is counted, or none? One scan of span, the days; by the
-- primary key of exchange_day a search for each.
WITH RECURSIVE span (day) AS (
    SELECT :from_day
    UNION ALL
    SELECT day + 1 FROM span WHERE day + 1 < :until_day
)
SELECT count(*)
FROM span
LEFT JOIN source ON source.name = :source
LEFT JOIN exchange_day ON exchange_day.day = span.day AND exchange_day.source_id = source.id
WHERE exchange_day.day IS NULL
   OR (exchange_day.written_ms, exchange_day.digest) < (:written_ms, :digest)
