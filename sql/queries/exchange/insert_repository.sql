-- Adds a row of another instance's list.
INSERT INTO repository (
    workspace, slug, uuid, is_private, valid_from_ms, valid_to_ms, told_by
) VALUES (
    :workspace, :slug, :uuid, :is_private, :valid_from_ms, :valid_to_ms, :told_by
)
