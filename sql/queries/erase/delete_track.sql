-- Removes a track that became another. By the primary key of track.
DELETE FROM track WHERE id = :id
