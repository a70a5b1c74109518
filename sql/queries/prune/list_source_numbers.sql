-- Which sources are there? A scan of source, which has a row for each.
SELECT id FROM source ORDER BY id
