-- Which facts about identities are known? One scan of person; by the primary key of told_person a search for each.
SELECT account_id, uuid, nickname, display_name, email
FROM person
WHERE EXISTS (SELECT 1 FROM told_person WHERE told_person.person_id = person.id AND told_person.told_by >= 0)
ORDER BY id
