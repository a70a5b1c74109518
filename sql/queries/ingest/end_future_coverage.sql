-- Ends at an instant the interval of a source's ledger that goes beyond it; if somebody looked then, already where doubt begins, though
-- never before its own beginning. One at the most, since they are disjoint. Backwards by the primary key of coverage.
UPDATE coverage
SET to_ms = CASE WHEN state IN ('covered', 'partial') THEN MAX(from_ms + 1, :doubted_from_ms) ELSE :from_ms END
WHERE source_id = (SELECT id FROM source WHERE name = :source)
  AND from_ms < :from_ms
  AND to_ms > :from_ms
