-- Who is in which team? One scan of directory_entry. A person as in the table of that name, without a uuid.
SELECT account_id, '' AS uuid, nickname, display_name, email, team
FROM directory_entry
ORDER BY register, line
