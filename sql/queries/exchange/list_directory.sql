-- Which people do the directories name that were imported here? One scan of directory_entry.
SELECT account_id, '' AS uuid, nickname, display_name, email, team, register
FROM directory_entry
WHERE register NOT LIKE 'exchange/%'
ORDER BY register, line
