-- For which audiences does a message of a channel wait? Served by recipient_pending; messages by their primary key.
SELECT DISTINCT message.audience
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
  AND message.channel = :channel
ORDER BY message.audience
