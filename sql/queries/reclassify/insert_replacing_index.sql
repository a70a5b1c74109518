-- Puts in where sightings are found now. The rows of one day and the sources kept whole, by the primary keys of chunk_track_next, track and
-- chunk_track.
INSERT INTO chunk_track (day, track_id, chunk_id, ordinal, uses)
SELECT next.day, next.track_id, next.chunk_id, next.ordinal, next.uses
FROM chunk_track_next AS next
WHERE next.day = :day
  AND EXISTS (
      SELECT 1
      FROM kept_day
      WHERE kept_day.day = next.day
        AND kept_day.source_id = (SELECT source_id FROM track WHERE id = next.track_id)
  )
  AND NOT EXISTS (
      SELECT 1
      FROM chunk_track AS old
      WHERE old.day = next.day
        AND old.track_id = next.track_id
        AND old.chunk_id = next.chunk_id
        AND old.ordinal = next.ordinal
  )
