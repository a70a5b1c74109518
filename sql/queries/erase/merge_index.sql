-- Finds a day's sightings of one track under another. By the primary key of chunk_track.
INSERT INTO chunk_track (day, track_id, chunk_id, ordinal, uses)
SELECT day, :into, chunk_id, ordinal, uses
FROM chunk_track
WHERE day = :day
  AND track_id = :from
ON CONFLICT DO UPDATE SET uses = min(uses + excluded.uses, 281474976710656)
