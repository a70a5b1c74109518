-- Takes out the registers that an instance has told of. A scan of registered_credential.
DELETE FROM registered_credential WHERE substr(register, 1, length(:prefix)) = :prefix
