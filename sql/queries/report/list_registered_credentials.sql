-- Which credentials do the registers list? One scan of registered_credential.
SELECT kind, label, location, owner, expires_ms
FROM registered_credential
ORDER BY register, kind, label, location
