-- Under which key are pseudonyms of people made? Served by the primary key of meta.
SELECT value FROM meta WHERE key = 'people_key'
