-- Has anything ever been counted? One scan of track, which ends at its first row.
SELECT EXISTS (SELECT 1 FROM track) AS has_tracks
