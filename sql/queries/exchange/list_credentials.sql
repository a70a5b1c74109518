-- Which credentials do the registers name that were imported here? One scan of registered_credential.
SELECT kind, label, location, owner, expires_ms, register
FROM registered_credential
WHERE register NOT LIKE 'exchange/%'
ORDER BY register, kind, label, location
