-- Puts another text where one stood. A scan of coverage.
UPDATE OR REPLACE coverage SET reason = :new WHERE reason = :old
