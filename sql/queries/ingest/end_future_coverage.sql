-- Ends at an instant what of a source's ledger goes beyond it, and where doubt begins if it says that somebody looked, but for where it
-- began: one interval at the most, since they are disjoint. Backwards by the primary key of coverage.
UPDATE coverage
SET to_ms = CASE WHEN state IN ('covered', 'partial') THEN MAX(from_ms + 1, :doubted_from_ms) ELSE :from_ms END
WHERE source_id = (SELECT id FROM source WHERE name = :source)
  AND from_ms < :from_ms
  AND to_ms > :from_ms
