-- Forgets seen items that came before a day, among those after one and up to another. Served by the primary key of seen_item.
DELETE FROM seen_item
WHERE source_id = :source_id
  AND (minute, hash) > (:minute, :hash)
  AND (minute, hash) <= (:to_minute, :to_hash)
  AND claimed_day < :claimed_before
