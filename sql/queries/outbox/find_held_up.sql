-- How many messages of a channel were tried and wait, and why the one that was tried most often? The columns beside max() are of its
-- row. Served by recipient_pending; messages by their primary key.
SELECT count(*), max(recipient.attempts), recipient.failure
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
  AND recipient.failure <> ''
  AND message.channel = :channel
