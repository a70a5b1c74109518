-- What waits for programs, and by which channel? By recipient_pending; messages by their primary key.
SELECT DISTINCT message.id, message.channel, message.body
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
  AND message.channel <> 'mail'
ORDER BY message.id
