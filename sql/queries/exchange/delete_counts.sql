-- Takes out what is counted of a day of all sources for which this file speaks. The rows of one day, by the primary keys of
-- day_count, track and exchange_day.
DELETE FROM day_count
WHERE day = :day
  AND EXISTS (
      SELECT 1 FROM exchange_day
      WHERE exchange_day.day = :day
        AND exchange_day.source_id = (SELECT source_id FROM track WHERE track.id = day_count.track_id)
        AND exchange_day.digest = :digest
  )
