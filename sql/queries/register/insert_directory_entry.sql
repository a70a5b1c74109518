-- Enters a person with a team. Appends to directory_entry.
INSERT INTO directory_entry (register, line, account_id, nickname, display_name, email, team)
VALUES (:register, :line, :account_id, :nickname, :display_name, :email, :team)
