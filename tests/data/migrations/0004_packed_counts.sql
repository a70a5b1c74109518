INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours) VALUES
    (1000, 1, 1, 1, 86400000000, 86400000000, 1);
INSERT INTO packed_period (period) VALUES (15);
INSERT INTO packed_counts (id, counts) VALUES (4111, x'D00F0101000000');
