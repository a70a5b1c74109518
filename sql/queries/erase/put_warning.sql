-- Puts another text where one stood. A scan of source.
UPDATE OR REPLACE source SET warning = :new WHERE warning = :old
