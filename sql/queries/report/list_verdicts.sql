-- What do the numbers of verdicts mean? One scan of verdict, a few hundred rows.
SELECT id, credential, grade, outcome, operation, brownout, rule, authentication
FROM verdict
ORDER BY id
