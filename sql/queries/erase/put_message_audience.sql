-- Puts another text where one stood, and takes away what was made of it: an id holds a hash of whom a message is for. A scan of message.
UPDATE message SET audience = :new, message_id = '' WHERE audience = :old
