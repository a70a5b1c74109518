-- Puts another text where one stood. A scan of skipped.
UPDATE OR REPLACE skipped SET sample = :new WHERE sample = :old
