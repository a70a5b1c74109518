-- Begins the row of a token. Appends to api_token.
INSERT INTO api_token (
    organization, token_id, label, status, person_id, created_ms, expires_ms, last_active_ms, valid_from_ms
) VALUES (
    :organization, :token_id, :label, :status, :person_id, :created_ms, :expires_ms, :last_active_ms, :now_ms
)
