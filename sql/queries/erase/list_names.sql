-- Which names are there? A scan of name.
SELECT id, text FROM name ORDER BY id
