-- Begins the row of a repository. Appends to repository.
INSERT INTO repository (workspace, slug, uuid, is_private, valid_from_ms)
VALUES (:workspace, :slug, :uuid, :is_private, :now_ms)
