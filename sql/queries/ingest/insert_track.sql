-- Gives a track its number. Checked by the unique index on all columns of track.
INSERT INTO track (
    source_id, username_id, email_id, account_id, display_name_id, client_id, origin_kind,
    origin_id, host_id, workspace_id, repository_id, token_id, token_label_id, secret_id
) VALUES (
    :source_id, :username_id, :email_id, :account_id, :display_name_id, :client_id, :origin_kind,
    :origin_id, :host_id, :workspace_id, :repository_id, :token_id, :token_label_id, :secret_id
)
RETURNING id
