-- Drops the body of a message that nobody waits for any more. Served by the primary key of message and by
-- recipient_of_message.
UPDATE message
SET body = x''
WHERE id = :message_id
  AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = :message_id AND state = 'pending')
