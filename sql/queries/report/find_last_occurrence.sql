-- Which scheduled delivery was prepared or made last? Served by the primary key of occurrence.
SELECT max(occurrence_ms)
FROM occurrence
WHERE channel = :channel
  AND audience = :audience
