-- Which deploy keys are present? Served by deploy_key_present.
SELECT workspace, repository, key_id, label, created_ms, last_used_ms
FROM deploy_key
WHERE valid_to_ms IS NULL
ORDER BY workspace, repository, key_id
