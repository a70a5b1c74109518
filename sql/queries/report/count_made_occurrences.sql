-- How often was an output made that is no message (the CSV package)? Served by the primary key of occurrence.
SELECT count(*)
FROM occurrence
WHERE channel = :channel
  AND done_ms IS NOT NULL
