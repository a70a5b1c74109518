-- Puts another text where one stood. A scan of alarm.
UPDATE OR REPLACE alarm SET reason = :new WHERE reason = :old
