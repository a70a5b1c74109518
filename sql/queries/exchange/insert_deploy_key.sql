-- Adds a row of another instance's list.
INSERT INTO deploy_key (
    workspace, repository, key_id, label, created_ms, last_used_ms, valid_from_ms, valid_to_ms, told_by
) VALUES (
    :workspace, :repository, :key_id, :label, :created_ms, :last_used_ms, :valid_from_ms, :valid_to_ms, :told_by
)
