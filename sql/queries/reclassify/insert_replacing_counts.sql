-- Puts in what is counted now and was not. The rows of one day and the sources kept whole, by the primary keys of day_count_next, track and day_count.
INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours)
SELECT next.day, next.track_id, next.verdict_id, next.uses, next.first_ms, next.last_ms, next.hours
FROM day_count_next AS next
WHERE next.day = :day
  AND EXISTS (
      SELECT 1
      FROM kept_day
      WHERE kept_day.day = next.day
        AND kept_day.source_id = (SELECT source_id FROM track WHERE id = next.track_id)
  )
  AND NOT EXISTS (
      SELECT 1
      FROM day_count AS old
      WHERE old.day = next.day
        AND old.track_id = next.track_id
        AND old.verdict_id = next.verdict_id
  )
