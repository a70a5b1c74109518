-- Counts an attempt to reach a recipient before it is made. Served by the primary key of recipient.
UPDATE recipient
SET attempts = attempts + 1
WHERE id = :id
  AND state = 'pending'
