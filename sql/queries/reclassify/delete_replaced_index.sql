-- Takes out where sightings are found no more. The rows of one day and the sources kept whole, by the primary keys of chunk_track, track and
-- chunk_track_next.
DELETE FROM chunk_track
WHERE day = :day
  AND EXISTS (
      SELECT 1
      FROM kept_day
      WHERE kept_day.day = chunk_track.day
        AND kept_day.source_id = (SELECT source_id FROM track WHERE id = chunk_track.track_id)
  )
  AND NOT EXISTS (
      SELECT 1
      FROM chunk_track_next AS next
      WHERE next.day = chunk_track.day
        AND next.track_id = chunk_track.track_id
        AND next.chunk_id = chunk_track.chunk_id
        AND next.ordinal = chunk_track.ordinal
        AND next.uses = chunk_track.uses
  )
