-- Which messages were given up or withdrawn for a recipient after an instant, the newest first? Served by recipient_unreached;
-- messages by their primary key.
SELECT message.channel, message.audience, message.occurrence_ms, message.subject,
       recipient.address, recipient.settled_ms, recipient.failure
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state IN ('given_up', 'withdrawn')
  AND recipient.settled_ms > :since_ms
  AND recipient.settled_ms <= :until_ms
ORDER BY recipient.settled_ms DESC, recipient.id
LIMIT :limit
