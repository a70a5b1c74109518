-- Who was ever named, with the number of the row? A scan of person.
SELECT id, account_id, uuid, nickname, display_name, email FROM person ORDER BY id
