-- Forgets where sightings of the oldest day were found, if it is before one. By the primary key of chunk_track.
DELETE FROM chunk_track
WHERE day = (SELECT min(day) FROM chunk_track WHERE day < :before)
