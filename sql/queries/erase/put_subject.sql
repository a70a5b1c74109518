-- Puts another text where one stood. A scan of message.
UPDATE OR REPLACE message SET subject = :new WHERE subject = :old
