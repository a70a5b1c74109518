-- Puts another text where one stood. A scan of calendar_event.
UPDATE OR REPLACE calendar_event SET uid = :new WHERE uid = :old
