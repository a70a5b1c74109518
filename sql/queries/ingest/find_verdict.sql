-- Which number has a verdict? Served by the unique index on all columns of verdict.
SELECT id
FROM verdict
WHERE credential = :credential
  AND grade = :grade
  AND outcome = :outcome
  AND operation = :operation
  AND brownout = :brownout
  AND rule = :rule
  AND authentication = :authentication
