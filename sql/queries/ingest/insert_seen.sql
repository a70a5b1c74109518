-- Remembers items of one hour that came together. Appends to seen.
INSERT INTO seen (source_id, hour, from_s, to_s, claimed_day, hashes)
VALUES (:source_id, :hour, :from_s, :to_s, :claimed_day, :hashes)
