-- Forgets what has come of an answer. By the primary key of staged_count.
DELETE FROM staged_count WHERE source_id = :source_id
