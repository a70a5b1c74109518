DELETE FROM chunk WHERE id % 3 = 0 OR source_id = (SELECT id FROM source WHERE name = 'log/egress-plain')
