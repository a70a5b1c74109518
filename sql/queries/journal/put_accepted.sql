-- Keeps how one entry of a section stands. Served by the primary key of accepted.
INSERT INTO accepted (section, key, words)
VALUES (:section, :key, :words)
ON CONFLICT DO UPDATE SET words = excluded.words
