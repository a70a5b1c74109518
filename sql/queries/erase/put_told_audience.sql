-- Puts another text where one stood. A scan of told.
UPDATE OR REPLACE told SET audience = :new WHERE audience = :old
