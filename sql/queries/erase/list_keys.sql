-- Which users and origins stand for integrations, in the order in which they were remembered? A scan of integration_key.
SELECT id, user, origin_kind, origin FROM integration_key ORDER BY id
