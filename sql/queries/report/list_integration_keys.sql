-- Which users, clients and origins stand for which integration? One scan of integration_key.
SELECT integration, user, client, origin
FROM integration_key
ORDER BY id
