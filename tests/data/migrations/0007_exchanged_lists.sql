INSERT INTO source (name) VALUES ('exchange/emea');
INSERT INTO repository (workspace, slug, valid_from_ms, told_by)
SELECT 'acme', 'mirror', 1783062000000, id FROM source WHERE name = 'exchange/emea';
