-- Throws away the index of a reclassification: all pages at once, without looking at a row.
DELETE FROM chunk_track_next
