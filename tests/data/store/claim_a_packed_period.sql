INSERT INTO packed_period (period) SELECT max(day) / 64 FROM day_count;
