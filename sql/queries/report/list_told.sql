-- What did the last report say that really reached somebody? Served by the primary keys of occurrence and told.
SELECT told_ms, campaign, remaining, changes
FROM told
WHERE audience = :audience
  AND occurrence_ms = (
      SELECT max(t.occurrence_ms)
      FROM told AS t
      JOIN occurrence AS o ON o.audience = t.audience AND o.occurrence_ms = t.occurrence_ms
      WHERE t.audience = :audience AND o.channel IN ('mail', 'csv') AND o.done_ms IS NOT NULL
  )
ORDER BY campaign
