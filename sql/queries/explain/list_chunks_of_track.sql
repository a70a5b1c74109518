-- Which chunks hold sightings of a track on a day, under which number, and until when do they reach? Served by the primary keys
-- of chunk_track and chunk.
SELECT chunk_track.chunk_id, chunk.last_ms, chunk_track.ordinal
FROM chunk_track
JOIN chunk ON chunk.id = chunk_track.chunk_id
WHERE chunk_track.day = :day
  AND chunk_track.track_id = :track_id
ORDER BY chunk_track.chunk_id DESC
