-- Which names do lists of people have? For each kind of name a scan of person, and a scan of directory_entry.
SELECT account_id FROM person
UNION SELECT nickname FROM person
UNION SELECT display_name FROM person
UNION SELECT email FROM person
UNION SELECT account_id FROM directory_entry
UNION SELECT nickname FROM directory_entry
UNION SELECT display_name FROM directory_entry
UNION SELECT email FROM directory_entry
