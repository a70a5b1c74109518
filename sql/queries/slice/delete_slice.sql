-- Takes out what began within a slice, which may have been several shorter ones. By the primary key of slice_count.
DELETE FROM slice_count
WHERE source_id = :source_id
  AND day = :day
  AND from_hour >= :from_hour
  AND from_hour < :to_hour
