-- Which repositories were listed here, and when? One scan of repository.
SELECT workspace, slug, uuid, is_private, valid_from_ms, valid_to_ms
FROM repository
WHERE told_by = 0
ORDER BY id
