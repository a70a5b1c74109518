-- Forgets items that came before a day, among the rows after one and up to another. Served by the primary key of seen.
DELETE FROM seen
WHERE id > :after
  AND id <= :to
  AND claimed_day < :claimed_before
RETURNING length(hashes)
