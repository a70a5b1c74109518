-- Takes out what of a source's ledger begins after an instant. By the primary key of coverage.
DELETE FROM coverage
WHERE source_id = (SELECT id FROM source WHERE name = :source)
  AND from_ms >= :from_ms
