-- Which deploy keys were listed here, and when? One scan of deploy_key.
SELECT workspace, repository, key_id, label, created_ms, last_used_ms, valid_from_ms, valid_to_ms
FROM deploy_key
WHERE told_by = 0
ORDER BY id
