-- Puts other names on a track. By the primary key of track; checked by its unique index.
UPDATE track
SET username_id = :username_id,
    email_id = :email_id,
    account_id = :account_id,
    display_name_id = :display_name_id,
    client_id = :client_id,
    origin_kind = :origin_kind,
    origin_id = :origin_id,
    host_id = :host_id,
    workspace_id = :workspace_id,
    repository_id = :repository_id,
    token_id = :token_id,
    token_label_id = :token_label_id,
    secret_id = :secret_id
WHERE id = :id
  AND source_id = :source_id
