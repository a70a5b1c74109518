-- Which chunks hold sightings of a track on a day, newest first? Served by the primary keys of chunk_track and chunk.
SELECT chunk.items, chunk.first_ms, chunk.last_ms, chunk.bytes, chunk_track.ordinal
FROM chunk_track
JOIN chunk ON chunk.id = chunk_track.chunk_id
WHERE chunk_track.day = :day
  AND chunk_track.track_id = :track_id
ORDER BY chunk_track.chunk_id DESC
LIMIT :limit
