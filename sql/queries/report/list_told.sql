-- What did the last report say that really reached somebody? Served by the primary keys of occurrence and told.
SELECT told_ms, campaign, remaining, changes
FROM told
WHERE channel = :channel
  AND audience = :audience
  AND occurrence_ms = (
      SELECT max(o.occurrence_ms)
      FROM occurrence AS o
      WHERE o.channel = :channel AND o.audience = :audience AND o.done_ms <= :until_ms
  )
ORDER BY campaign
