-- How does mail to an audience fare: since when is the oldest that waits yet in the outbox, or else the newest, how many wait for
-- it, for how many was it given up, and why? From whom it was withdrawn is no recipient. What waits by recipient_pending; the newest by
-- message_by_audience; recipients by recipient_of_message.
SELECT mail.enqueued_ms,
       count(*) FILTER (WHERE recipient.state = 'pending'),
       count(*) FILTER (WHERE recipient.state = 'given_up'),
       count(*),
       coalesce(
           max(recipient.failure) FILTER (WHERE recipient.state = 'given_up'),
           max(recipient.failure) FILTER (WHERE recipient.state = 'pending'),
           ''
       )
FROM message AS mail
JOIN recipient ON recipient.message_id = mail.id
WHERE mail.id = coalesce(
          (SELECT waiting.id
           FROM recipient AS waited_for
           JOIN message AS waiting ON waiting.id = waited_for.message_id
           WHERE waited_for.state = 'pending'
             AND waiting.channel = 'mail'
             AND waiting.audience = :audience
           ORDER BY waiting.enqueued_ms
           LIMIT 1),
          (SELECT id
           FROM message
           WHERE channel = 'mail'
             AND audience = :audience
           ORDER BY occurrence_ms DESC
           LIMIT 1)
      )
  AND recipient.state <> 'withdrawn'
GROUP BY mail.id
