-- When did a scheduled delivery last reach somebody? Served by the primary key of occurrence: one row a delivery.
SELECT max(done_ms)
FROM occurrence
WHERE channel = :channel
  AND audience = :audience
