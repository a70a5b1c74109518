-- Adds a row of another instance's list.
INSERT INTO repository_permission (
    workspace_id, repository_id, account_id, permission, valid_from_ms, valid_to_ms, told_by
) VALUES (
    :workspace_id, :repository_id, :account_id, :permission, :valid_from_ms, :valid_to_ms, :told_by
)
