-- Which entry is the newest? Served by the primary key of journal.
SELECT sequence, at_s, actor, action, detail, hash
FROM journal
WHERE sequence = (SELECT max(sequence) FROM journal)
