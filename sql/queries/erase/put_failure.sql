-- Puts another text where one stood. A scan of source.
UPDATE OR REPLACE source SET failure = :new WHERE failure = :old
