-- Which repositories of a workspace are present, with their row numbers? Served by repository_by_workspace.
SELECT id, workspace, slug, uuid, is_private
FROM repository
WHERE valid_to_ms IS NULL
  AND told_by = 0
  AND workspace = :workspace
ORDER BY id
