-- What does an instance call its sources, here? One scan of source.
SELECT id, name
FROM source
WHERE substr(name, 1, length(:prefix)) = :prefix
ORDER BY id
