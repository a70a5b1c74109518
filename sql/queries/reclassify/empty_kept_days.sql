-- Throws away what a reclassification has met: all pages at once, without looking at a row.
DELETE FROM kept_day
