-- Whom do the directories name? A scan of directory_entry.
SELECT register, line, account_id, nickname, display_name, email FROM directory_entry ORDER BY register, line
