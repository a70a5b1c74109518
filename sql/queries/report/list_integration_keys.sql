-- Which users, clients and origins stand for which integration, and for which one at first? One scan of integration_key.
SELECT integration, first_integration, user, client, origin_kind, origin, remembered_ms
FROM integration_key
ORDER BY id
