-- Throws away the counts of a reclassification: all pages at once, without looking at a row.
DELETE FROM day_count_next
