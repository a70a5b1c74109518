-- Which deploy keys of a repository are present, with their row numbers? Served by deploy_key_by_repository.
SELECT id, workspace, repository, key_id, label, created_ms, last_used_ms
FROM deploy_key
WHERE valid_to_ms IS NULL
  AND told_by = 0
  AND workspace = :workspace AND repository = :repository
ORDER BY id
