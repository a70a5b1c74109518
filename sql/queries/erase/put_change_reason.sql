-- Puts another text where one stood. A scan of status_change.
UPDATE OR REPLACE status_change SET reason = :new WHERE reason = :old
