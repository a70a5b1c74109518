-- The same of a reclassification under way. By the primary key of chunk_track_next.
DELETE FROM chunk_track_next
WHERE day = (SELECT min(day) FROM chunk_track_next WHERE day < :before)
