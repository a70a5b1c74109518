-- Where does a source go on reading? Served by the unique index on source.name and the primary key of cursor.
SELECT cursor.key, cursor.value
FROM source
JOIN cursor ON cursor.source_id = source.id
WHERE source.name = :source
ORDER BY cursor.key
