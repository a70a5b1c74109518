-- Keeps which integration a user, client and origin stand for: as the row remembered last, with the integration that they stood
-- for at first. Served by the unique index on integration_key.
INSERT OR REPLACE INTO integration_key (integration, first_integration, user, client, origin_kind, origin, remembered_ms)
VALUES (
    :integration,
    coalesce((
        SELECT first_integration FROM integration_key
        WHERE user = :user AND client = :client AND origin_kind = :origin_kind AND origin = :origin
    ), :integration),
    :user, :client, :origin_kind, :origin,
    coalesce((
        SELECT remembered_ms FROM integration_key
        WHERE user = :user AND client = :client AND origin_kind = :origin_kind AND origin = :origin
    ), :now_ms)
)
