-- Throws away what is packed: all pages at once, without looking at a row.
DELETE FROM packed_counts
