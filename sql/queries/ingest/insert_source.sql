-- Gives a source its number. Checked by the unique index on source.name.
INSERT INTO source (name) VALUES (:name) RETURNING id
