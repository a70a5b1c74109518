-- Which rights were listed here, and when? One scan of held, the rights; names by the primary key of name.
SELECT workspace.text, repository.text, account.text, held.permission, held.valid_from_ms, held.valid_to_ms
FROM repository_permission AS held
JOIN name AS workspace ON workspace.id = held.workspace_id
JOIN name AS repository ON repository.id = held.repository_id
JOIN name AS account ON account.id = held.account_id
WHERE held.told_by = 0
ORDER BY held.id
