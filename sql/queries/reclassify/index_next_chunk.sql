-- Notes that a chunk holds sightings of a track on a day, as they are judged now. Served by the primary key of
-- chunk_track_next.
INSERT INTO chunk_track_next (day, track_id, chunk_id, ordinal, uses)
VALUES (:day, :track_id, :chunk_id, :ordinal, :uses)
