-- Which number has a source? Served by the unique index on source.name.
SELECT id FROM source WHERE name = :name
