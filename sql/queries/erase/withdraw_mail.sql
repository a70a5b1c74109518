-- Lets nobody wait any more for mail that is in the outbox. By recipient_pending, a scan of recipient where nobody waits.
UPDATE recipient
SET state = 'withdrawn', settled_ms = :now_ms, failure = :failure
WHERE state = 'pending'
  AND message_id IN (SELECT id FROM message WHERE channel = 'mail')
