INSERT INTO source (name, items) VALUES ('exchange/emea/log/egress', 3);
INSERT INTO exchange_day (day, source_id, written_ms, digest)
SELECT 20637, id, 1783062000000, x'00' FROM source WHERE name = 'exchange/emea/log/egress';
