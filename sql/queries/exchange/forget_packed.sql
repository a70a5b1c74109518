-- Takes out what is packed of the tracks that are counted on a day, of all sources for which this file speaks. The rows of one
-- day, by the primary keys of day_count, track, exchange_day and packed_counts.
DELETE FROM packed_counts
WHERE id IN (
    SELECT track_id * :periods + :period
    FROM day_count
    WHERE day = :day
      AND EXISTS (
          SELECT 1 FROM exchange_day
          WHERE exchange_day.day = :day
            AND exchange_day.source_id = (SELECT source_id FROM track WHERE track.id = day_count.track_id)
            AND exchange_day.digest = :digest
      )
)
