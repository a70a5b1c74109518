-- Which number has a text? Served by the unique index on name.text.
SELECT id FROM name WHERE text = :text
