-- Puts another text where one stood. A scan of registered_credential.
UPDATE OR REPLACE registered_credential SET owner = :new WHERE owner = :old
