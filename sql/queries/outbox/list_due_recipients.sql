-- Whom should which message of a channel reach now, alarms first, and then of each recipient the one that is due longest, of each
-- the next, and so on: one who takes nothing keeps nobody else waiting. What waits for longer than any pause is, waits for a clock
-- that was ahead. Served by recipient_pending: all that are due are put in order by a window, without their bodies; then a scan of
-- due.
WITH due AS MATERIALIZED (
    SELECT recipient.id, recipient.due_ms, message.audience GLOB 'alarm*' AS is_alarm,
           row_number() OVER (PARTITION BY recipient.address, message.audience GLOB 'alarm*' ORDER BY recipient.due_ms, recipient.id) AS turn
    FROM recipient
    JOIN message ON message.id = recipient.message_id
    WHERE recipient.state = 'pending'
      AND (recipient.due_ms <= :now_ms OR recipient.due_ms > :ahead_ms)
      AND message.channel = :channel
    ORDER BY is_alarm DESC, turn, recipient.due_ms, recipient.id
    LIMIT :limit
)
SELECT recipient.id, recipient.address, recipient.attempts,
       message.channel, message.audience, message.occurrence_ms, message.enqueued_ms, message.message_id,
       message.subject, message.late, message.body
FROM due
JOIN recipient ON recipient.id = due.id
JOIN message ON message.id = recipient.message_id
ORDER BY due.is_alarm DESC, due.turn, due.due_ms, due.id
