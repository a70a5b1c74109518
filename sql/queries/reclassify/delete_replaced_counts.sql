-- Takes out what is counted otherwise now. The rows of one day and the sources kept whole, by the primary keys of day_count, track and day_count_next.
DELETE FROM day_count
WHERE day = :day
  AND EXISTS (
      SELECT 1
      FROM kept_day
      WHERE kept_day.day = day_count.day
        AND kept_day.source_id = (SELECT source_id FROM track WHERE id = day_count.track_id)
  )
  AND NOT EXISTS (
      SELECT 1
      FROM day_count_next AS next
      WHERE next.day = day_count.day
        AND next.track_id = day_count.track_id
        AND next.verdict_id = day_count.verdict_id
        AND next.uses = day_count.uses
        AND next.first_ms = day_count.first_ms
        AND next.last_ms = day_count.last_ms
        AND next.hours = day_count.hours
  )
