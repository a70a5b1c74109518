-- Takes a day's sightings from a track that became another. By the primary key of chunk_track.
DELETE FROM chunk_track WHERE day = :day AND track_id = :from
