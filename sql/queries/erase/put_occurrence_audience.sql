-- Puts another text where one stood, and before what names it by that. A scan of occurrence.
UPDATE OR REPLACE occurrence SET audience = :new WHERE audience = :old
