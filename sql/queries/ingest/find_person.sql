-- Which number have these facts about one identity? Served by the unique index on all columns of person.
SELECT id
FROM person
WHERE account_id = :account_id
  AND uuid = :uuid
  AND nickname = :nickname
  AND display_name = :display_name
  AND email = :email
