-- How many did each channel reach, and how many were given up? One scan of recipient, one row a message and recipient;
-- messages by their primary key.
SELECT message.channel,
       count(*) FILTER (WHERE recipient.state = 'sent'),
       count(*) FILTER (WHERE recipient.state = 'given_up')
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state <> 'pending'
GROUP BY message.channel
ORDER BY message.channel
