-- Keeps which integration a user, client and origin stand for. Served by the unique index on integration_key.
INSERT INTO integration_key (integration, user, client, origin, remembered_ms)
VALUES (:integration, :user, :client, :origin, :now_ms)
ON CONFLICT DO UPDATE SET
    integration   = excluded.integration,
    remembered_ms = excluded.remembered_ms
WHERE integration <> excluded.integration
