-- No trace is left. By the primary key of meta.
DELETE FROM meta WHERE key = 'traces'
