-- Who had which right on which repository, when? One scan of repository_permission.
SELECT repository.text, account.text, repository_permission.permission,
       repository_permission.valid_from_ms, repository_permission.valid_to_ms
FROM repository_permission
JOIN name AS repository ON repository.id = repository_permission.repository_id
JOIN name AS account ON account.id = repository_permission.account_id
ORDER BY repository_permission.id
