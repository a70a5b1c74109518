-- Takes out what is packed of the tracks that are counted on a source's day. The rows of one day, by the primary keys of
-- day_count, track and packed_counts.
DELETE FROM packed_counts
WHERE id IN (
    SELECT track_id * :periods + :period
    FROM day_count
    WHERE day = :day
      AND (SELECT source_id FROM track WHERE id = day_count.track_id) = :source_id
)
