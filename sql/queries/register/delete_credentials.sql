-- Empties a register of credentials before it is written anew. Served by the primary key of registered_credential.
DELETE FROM registered_credential WHERE register = :register
