-- Which rights on one repository are present, with their row numbers? Served by repository_permission_by_place.
SELECT id, repository_id, account_id, permission
FROM repository_permission
WHERE valid_to_ms IS NULL
  AND told_by = 0
  AND workspace_id = :workspace_id AND repository_id = :repository_id
ORDER BY id
