-- Puts another text where one stood. A scan of registered_credential.
UPDATE OR REPLACE registered_credential SET location = :new WHERE location = :old
