-- Gives a verdict its number. Checked by the unique index on all columns of verdict.
INSERT INTO verdict (credential, grade, outcome, operation, brownout, rule, authentication)
VALUES (:credential, :grade, :outcome, :operation, :brownout, :rule, :authentication)
RETURNING id
