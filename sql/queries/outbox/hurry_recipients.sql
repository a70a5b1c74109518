-- Has what waits for another attempt tried at once, after the clock by which its pause was measured was set. Served by the index
-- recipient_pending.
UPDATE recipient
SET due_ms = :now_ms
WHERE state = 'pending'
  AND due_ms > :now_ms
