-- When was each source looking? One scan of source; intervals in the order of the primary
-- key of coverage.
SELECT source.name, coverage.from_ms, coverage.to_ms, coverage.state, coverage.items, coverage.skipped, coverage.reason
FROM source
JOIN coverage ON coverage.source_id = source.id
ORDER BY source.id, coverage.from_ms
