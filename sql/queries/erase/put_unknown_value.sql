-- Puts another text where one stood. A scan of unknown_value.
UPDATE OR REPLACE unknown_value SET value = :new WHERE value = :old
