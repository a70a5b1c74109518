-- Ends at an instant what of a source's ledger goes beyond it: one interval at the most, since they are disjoint. Backwards by the
-- primary key of coverage.
UPDATE coverage
SET to_ms = :from_ms
WHERE source_id = (SELECT id FROM source WHERE name = :source)
  AND from_ms < :from_ms
  AND to_ms > :from_ms
