-- Which deploy keys were there at an instant; before the first list of a workspace, which were on that one? One scan of
-- deploy_key by deploy_key_by_repository, one scan of scope, then a search for each workspace.
WITH scope AS (
    SELECT workspace, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM deploy_key
    WHERE told_by >= 0
    GROUP BY workspace, told_by
)
SELECT held.workspace, held.repository, held.key_id, held.label, held.created_ms,
       CASE WHEN held.last_used_ms <= :at_ms THEN held.last_used_ms END
FROM scope
CROSS JOIN deploy_key AS held ON held.workspace = scope.workspace AND held.told_by = scope.told_by
WHERE held.valid_from_ms <= scope.at_ms AND (held.valid_to_ms IS NULL OR held.valid_to_ms > scope.at_ms)
ORDER BY held.workspace, held.repository, held.key_id
