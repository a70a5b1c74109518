-- Which facts about identities are known? One scan of person.
SELECT account_id, uuid, nickname, display_name, email
FROM person
ORDER BY id
