-- Which seen item of a source comes some rows after one? Served by the primary key of seen_item.
SELECT minute, hash
FROM seen_item
WHERE source_id = :source_id
  AND (minute, hash) > (:minute, :hash)
  AND minute < :until_minute
ORDER BY minute, hash
LIMIT 1 OFFSET :rows
