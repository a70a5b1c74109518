-- Removes what an account may do. A scan of repository_permission; the name by its unique text.
DELETE FROM repository_permission WHERE account_id = (SELECT id FROM name WHERE text = :account)
