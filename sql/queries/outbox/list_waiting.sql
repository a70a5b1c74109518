-- Who is waited for, with how many messages, and why? Of several failures the words of the message that was tried most often:
-- the columns beside max() are of its row. Served by recipient_pending; messages by their primary key.
SELECT message.channel, recipient.address, count(*), max(recipient.attempts), recipient.failure
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
GROUP BY message.channel, recipient.address
ORDER BY message.channel, recipient.address
LIMIT :limit
