-- Begins the row of a right on a repository. Appends to repository_permission.
INSERT INTO repository_permission (workspace_id, repository_id, account_id, permission, valid_from_ms)
VALUES (:workspace_id, :repository_id, :account_id, :permission, :now_ms)
