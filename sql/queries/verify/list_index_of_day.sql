-- Where are the sightings of each track of a day? By the primary key of chunk_track.
SELECT track_id, chunk_id, uses
FROM chunk_track
WHERE day = :day
ORDER BY track_id, chunk_id
