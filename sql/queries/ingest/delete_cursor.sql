-- Forgets where a source goes on reading. Served by the primary key of cursor.
DELETE FROM cursor WHERE source_id = :source_id AND key = :key
