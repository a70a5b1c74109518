-- Adds a row of another instance's list.
INSERT INTO member (
    workspace, person_id, permission, last_accessed_ms, valid_from_ms, valid_to_ms, told_by
) VALUES (
    :workspace, :person_id, :permission, :last_accessed_ms, :valid_from_ms, :valid_to_ms, :told_by
)
