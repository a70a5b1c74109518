-- Puts another text where one stood. A scan of accepted.
UPDATE OR REPLACE accepted SET words = :new WHERE words = :old
