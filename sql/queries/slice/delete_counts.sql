-- Takes out what is counted of a source's day. The rows of one day, by the primary keys of day_count and track.
DELETE FROM day_count
WHERE day = :day
  AND (SELECT source_id FROM track WHERE id = day_count.track_id) = :source_id
