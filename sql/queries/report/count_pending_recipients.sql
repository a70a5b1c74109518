-- How many wait for mail, and since when? Served by recipient_pending; messages by their primary key.
SELECT count(*), min(message.enqueued_ms)
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state = 'pending'
