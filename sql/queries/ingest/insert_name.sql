-- Gives a text its number. Checked by the unique index on name.text.
INSERT INTO name (text) VALUES (:text) RETURNING id
