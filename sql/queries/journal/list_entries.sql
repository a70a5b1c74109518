-- What was done and accepted, the oldest first? A scan of journal, which has a row a change, by its primary key.
SELECT sequence, at_s, actor, action, detail, hash
FROM journal
ORDER BY sequence
