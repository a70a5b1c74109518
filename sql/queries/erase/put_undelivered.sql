-- Puts another text where one stood. A scan of recipient.
UPDATE OR REPLACE recipient SET failure = :new WHERE failure = :old
