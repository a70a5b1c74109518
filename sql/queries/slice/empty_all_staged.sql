-- Forgets every answer that is not whole: all pages at once, without looking at a row.
DELETE FROM staged_count
