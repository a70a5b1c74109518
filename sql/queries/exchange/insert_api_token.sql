-- Adds a row of another instance's list.
INSERT INTO api_token (
    organization, token_id, label, status, person_id, created_ms, expires_ms, last_active_ms, valid_from_ms, valid_to_ms, told_by
) VALUES (
    :organization, :token_id, :label, :status, :person_id, :created_ms, :expires_ms, :last_active_ms, :valid_from_ms, :valid_to_ms, :told_by
)
