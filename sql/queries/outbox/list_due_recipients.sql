-- Whom should which message of a channel reach now, alarms first? What waits for longer than any pause is, waits for a clock that was
-- ahead. Served by recipient_pending: all that are due are put in order, without their bodies; then a scan of due.
WITH due AS MATERIALIZED (
    SELECT recipient.id, recipient.due_ms, message.audience GLOB 'alarm*' AS is_alarm
    FROM recipient
    JOIN message ON message.id = recipient.message_id
    WHERE recipient.state = 'pending'
      AND (recipient.due_ms <= :now_ms OR recipient.due_ms > :ahead_ms)
      AND message.channel = :channel
    ORDER BY is_alarm DESC, recipient.due_ms, recipient.id
    LIMIT :limit
)
SELECT recipient.id, recipient.address, recipient.attempts,
       message.channel, message.audience, message.occurrence_ms, message.enqueued_ms, message.message_id,
       message.subject, message.late, message.body
FROM due
JOIN recipient ON recipient.id = due.id
JOIN message ON message.id = recipient.message_id
ORDER BY due.is_alarm DESC, recipient.due_ms, recipient.id
