-- Who had which right on a repository at an instant; before the first list of a workspace, who had it on that one? One scan of
-- repository_permission by repository_permission_by_place, one scan of scope, then a search for each workspace.
WITH scope AS (
    SELECT workspace_id, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM repository_permission
    WHERE told_by >= 0
    GROUP BY workspace_id, told_by
)
SELECT workspace.text, repository.text, account.text, held.permission
FROM scope
CROSS JOIN repository_permission AS held ON held.workspace_id = scope.workspace_id AND held.told_by = scope.told_by
JOIN name AS workspace ON workspace.id = held.workspace_id
JOIN name AS repository ON repository.id = held.repository_id
JOIN name AS account ON account.id = held.account_id
WHERE held.valid_from_ms <= scope.at_ms AND (held.valid_to_ms IS NULL OR held.valid_to_ms > scope.at_ms)
ORDER BY workspace.text, repository.text, account.text
