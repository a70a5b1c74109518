-- Which repositories are present? Served by repository_present.
SELECT workspace, slug, uuid, is_private
FROM repository
WHERE valid_to_ms IS NULL
ORDER BY workspace, slug
