-- Begins the row of a deploy key. Appends to deploy_key.
INSERT INTO deploy_key (workspace, repository, key_id, label, created_ms, last_used_ms, valid_from_ms)
VALUES (:workspace, :repository, :key_id, :label, :created_ms, :last_used_ms, :now_ms)
