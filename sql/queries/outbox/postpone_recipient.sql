-- Lets a recipient wait for another attempt. Served by the primary key of recipient.
UPDATE recipient
SET due_ms  = :retry_ms,
    failure = :failure
WHERE id = :id
  AND state = 'pending'
