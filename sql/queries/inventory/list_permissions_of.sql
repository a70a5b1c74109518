-- Which rights on the repositories of a workspace are present, with their row numbers? Served by repository_permission_present.
SELECT repository_permission.id, workspace.text, repository.text, account.text, repository_permission.permission
FROM repository_permission
JOIN name AS workspace ON workspace.id = repository_permission.workspace_id
JOIN name AS repository ON repository.id = repository_permission.repository_id
JOIN name AS account ON account.id = repository_permission.account_id
WHERE repository_permission.valid_to_ms IS NULL
  AND workspace_id = (SELECT id FROM name WHERE text = :workspace)
ORDER BY repository_permission.id
