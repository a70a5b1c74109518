-- Which repositories were there at an instant; before the first list of a workspace, which were on that one? One scan of
-- repository by repository_by_workspace, one scan of scope, then a search for each workspace.
WITH scope AS (
    SELECT workspace, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM repository
    WHERE told_by >= 0
    GROUP BY workspace, told_by
)
SELECT repository.workspace, repository.slug, repository.uuid, repository.is_private
FROM scope
CROSS JOIN repository ON repository.workspace = scope.workspace AND repository.told_by = scope.told_by AND repository.valid_from_ms <= scope.at_ms
WHERE repository.valid_to_ms IS NULL OR repository.valid_to_ms > scope.at_ms
ORDER BY repository.workspace, repository.slug
