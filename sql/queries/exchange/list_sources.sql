-- Which sources were read here, and how are they doing? One scan of source.
SELECT name, items, last_success_ms, last_failure_ms
FROM source
WHERE name NOT LIKE 'exchange/%'
ORDER BY name
