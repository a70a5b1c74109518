-- Empties what nobody waits for any more. A scan of message, which has a row for each that ever left.
UPDATE message
SET body = x''
WHERE body <> x''
  AND NOT EXISTS (SELECT 1 FROM recipient WHERE recipient.message_id = message.id AND recipient.state = 'pending')
