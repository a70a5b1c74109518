-- Which items of this source, hour and seconds came already? Served by seen_by_hour.
SELECT hashes
FROM seen
WHERE source_id = :source_id
  AND hour = :hour
  AND from_s <= :to_s
  AND to_s >= :from_s
