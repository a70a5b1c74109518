-- Which scheduled delivery was prepared or made last? What a clock that was ahead has made is still to come. Served by the primary
-- key of occurrence.
SELECT max(occurrence_ms)
FROM occurrence
WHERE channel = :channel
  AND audience = :audience
  AND occurrence_ms <= :now_ms
