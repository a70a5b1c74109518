-- Notes that a chunk holds sightings of a track on a day. Served by the primary key of chunk_track.
INSERT INTO chunk_track (day, track_id, chunk_id, ordinal, uses)
VALUES (:day, :track_id, :chunk_id, :ordinal, :uses)
