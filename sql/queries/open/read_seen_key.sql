-- Under which key are the ids of seen items hashed? Served by the primary key of meta.
SELECT value FROM meta WHERE key = 'seen_key'
