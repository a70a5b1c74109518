DELETE FROM journal WHERE sequence = 3
