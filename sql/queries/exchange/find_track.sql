-- What is a track, as list_tracks says it? By the primary key of track.
SELECT track.id, source.name,
       username.text, email.text, account.text, display_name.text, client.text,
       track.origin_kind, origin.text, host.text, workspace.text, repository.text, token.text, token_label.text, secret.text
FROM track
JOIN source ON source.id = track.source_id
JOIN name AS username ON username.id = track.username_id
JOIN name AS email ON email.id = track.email_id
JOIN name AS account ON account.id = track.account_id
JOIN name AS display_name ON display_name.id = track.display_name_id
JOIN name AS client ON client.id = track.client_id
JOIN name AS origin ON origin.id = track.origin_id
JOIN name AS host ON host.id = track.host_id
JOIN name AS workspace ON workspace.id = track.workspace_id
JOIN name AS repository ON repository.id = track.repository_id
JOIN name AS token ON token.id = track.token_id
JOIN name AS token_label ON token_label.id = track.token_label_id
JOIN name AS secret ON secret.id = track.secret_id
WHERE track.id = :id
