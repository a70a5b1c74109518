-- Keeps facts about one identity. Checked by the unique index on all columns of person.
INSERT INTO person (account_id, uuid, nickname, display_name, email)
VALUES (:account_id, :uuid, :nickname, :display_name, :email)
RETURNING id
