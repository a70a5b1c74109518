PRAGMA foreign_keys = OFF;
DELETE FROM verdict WHERE id = (SELECT min(verdict_id) FROM day_count);
