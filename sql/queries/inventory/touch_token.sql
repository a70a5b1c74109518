-- Sets when a token was last active, the rest being as it was. Served by the primary key of api_token.
UPDATE api_token SET last_active_ms = :last_active_ms WHERE id = :id
