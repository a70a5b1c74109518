-- Empties a directory before it is written anew. Served by the primary key of directory_entry.
DELETE FROM directory_entry WHERE register = :register
