-- Which number has a track? Served by the unique index on all columns of track.
SELECT id
FROM track
WHERE source_id = :source_id
  AND username_id = :username_id
  AND email_id = :email_id
  AND account_id = :account_id
  AND display_name_id = :display_name_id
  AND client_id = :client_id
  AND origin_kind = :origin_kind
  AND origin_id = :origin_id
  AND host_id = :host_id
  AND workspace_id = :workspace_id
  AND repository_id = :repository_id
  AND token_id = :token_id
  AND token_label_id = :token_label_id
  AND secret_id = :secret_id
