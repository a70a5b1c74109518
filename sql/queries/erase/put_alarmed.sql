-- Puts another text where one stood. A scan of alarm.
UPDATE OR REPLACE alarm SET about = :new WHERE about = :old
