-- Puts another text where one stood. A scan of recipient.
UPDATE OR REPLACE recipient SET address = :new WHERE address = :old
