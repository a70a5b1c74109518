-- Which row of seen items comes some rows after one? Served by the primary key of seen.
SELECT id FROM seen WHERE id > :after ORDER BY id LIMIT 1 OFFSET :rows
