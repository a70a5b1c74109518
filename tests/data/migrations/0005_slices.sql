INSERT INTO slice_count (source_id, day, from_hour, track_id, verdict_id, uses, first_ms, last_ms, hours) VALUES
    (1, 20637, 6, 1, 1, 3, 1783058400000, 1783058460000, 64);
INSERT INTO staged_count (source_id, day, track_id, verdict_id, uses, first_ms, last_ms, hours) VALUES
    (1, 20637, 1, 1, 1, 1783062000000, 1783062000000, 128);
