-- Ends the wait of a recipient, as sent, given up or withdrawn; a second time changes nothing. Served by the primary key of
-- recipient.
UPDATE recipient
SET state      = :state,
    settled_ms = :now_ms,
    failure    = :failure
WHERE id = :id
  AND state = 'pending'
RETURNING message_id
