-- So many chunks of a mebibyte, as large as a store gets; nobody reads them here. They are of today, so that none is too old to keep.
INSERT INTO chunk (source_id, recorded_ms, items, first_ms, last_ms, bytes)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
SELECT (SELECT min(id) FROM source), 0, 0, unixepoch() * 1000, unixepoch() * 1000, zeroblob(1048576) FROM numbers;
