-- Which day is the next one of which sightings are kept? By the primary key of chunk_track.
SELECT min(day) AS day FROM chunk_track WHERE day > :day
