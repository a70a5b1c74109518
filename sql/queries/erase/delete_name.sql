-- Removes a name, if nothing is called so. By the primary key of name.
DELETE FROM name WHERE id = :id
