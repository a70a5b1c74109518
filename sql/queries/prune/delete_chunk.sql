-- Forgets what was read. By the primary key of chunk.
DELETE FROM chunk WHERE id = :id
