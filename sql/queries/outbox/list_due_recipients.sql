-- Whom should which message of a channel reach now? What waits for longer than any pause is, waits for a clock that was ahead. Served
-- by recipient_pending.
SELECT recipient.id, recipient.address, recipient.attempts,
       message.channel, message.audience, message.occurrence_ms, message.enqueued_ms, message.message_id,
       message.subject, message.late, message.body
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
  AND (recipient.due_ms <= :now_ms OR recipient.due_ms > :ahead_ms)
  AND message.channel = :channel
ORDER BY recipient.due_ms, recipient.id
LIMIT :limit
