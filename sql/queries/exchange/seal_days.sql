-- Lets no file replace the days of exchange any more on which a track is counted. By the primary keys of exchange_day and
-- day_count, one scan of exchange_day.
UPDATE exchange_day
SET written_ms = 9223372036854775807
WHERE source_id = (SELECT source_id FROM track WHERE track.id = :track_id)
  AND EXISTS (SELECT 1 FROM day_count WHERE day_count.day = exchange_day.day AND day_count.track_id = :track_id)
