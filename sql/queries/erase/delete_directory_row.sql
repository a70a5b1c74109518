-- Removes somebody from a directory. By the primary key of directory_entry.
DELETE FROM directory_entry WHERE register = :register AND line = :line
