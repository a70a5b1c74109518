-- Lets nobody wait any more for one message. By recipient_of_message.
UPDATE recipient
SET state = 'withdrawn', settled_ms = :now_ms, failure = :failure
WHERE state = 'pending'
  AND message_id = :message_id
