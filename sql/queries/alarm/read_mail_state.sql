-- How did the newest mail to an audience fare: since when is it, or an older one that waits yet, in the outbox, how many wait
-- for it, how many were given up by no choice of ours? The one message by message_by_audience, a scan of newest, which is that one; recipients by
-- recipient_of_message; what waits by recipient_pending.
SELECT coalesce(
           (SELECT min(waiting.enqueued_ms)
            FROM recipient
            JOIN message AS waiting ON waiting.id = recipient.message_id
            WHERE recipient.state = 'pending'
              AND waiting.channel = 'mail'
              AND waiting.audience = :audience),
           newest.enqueued_ms
       ),
       count(*) FILTER (WHERE recipient.state = 'pending'),
       count(*) FILTER (WHERE recipient.state = 'given_up' AND recipient.failure NOT IN (:not_configured, :withdrawn)),
       count(*),
       coalesce(max(recipient.failure), '')
FROM (
    SELECT id, enqueued_ms
    FROM message
    WHERE channel = 'mail'
      AND audience = :audience
    ORDER BY occurrence_ms DESC
    LIMIT 1
) AS newest
JOIN recipient ON recipient.message_id = newest.id
GROUP BY newest.id
