-- Takes out when a day of a source was looked at. By the primary key of coverage.
DELETE FROM coverage
WHERE source_id = :source_id
  AND from_ms >= :from_ms
  AND from_ms < :to_ms
