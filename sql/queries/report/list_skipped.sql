-- What was not kept, and why? One scan of source by name; reasons by the primary key of skipped.
SELECT source.name, skipped.reason, skipped.total, skipped.sample
FROM skipped
JOIN source ON source.id = skipped.source_id
ORDER BY source.name, skipped.reason
