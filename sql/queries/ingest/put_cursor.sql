-- Sets where a source goes on reading. Served by the primary key of cursor.
INSERT INTO cursor (source_id, key, value)
VALUES (:source_id, :key, :value)
ON CONFLICT DO UPDATE SET value = excluded.value
