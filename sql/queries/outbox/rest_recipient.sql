-- Lets all that waits for a recipient of a channel wait until an instant at least, since they ask to be left alone. Served by the index
-- recipient_pending; messages by their primary key.
UPDATE recipient
SET due_ms = :until_ms
WHERE state = 'pending'
  AND due_ms < :until_ms
  AND address = :recipient
  AND (SELECT channel FROM message WHERE message.id = recipient.message_id) = :channel
