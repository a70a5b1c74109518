-- Enters a credential; of equal ones the last counts. Appends to registered_credential.
INSERT OR REPLACE INTO registered_credential (register, kind, label, location, owner, expires_ms)
VALUES (:register, :kind, :label, :location, :owner, :expires_ms)
