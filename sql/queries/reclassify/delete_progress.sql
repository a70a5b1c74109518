-- A reclassification is over. By the primary key of reclassification.
DELETE FROM reclassification WHERE id = 1
