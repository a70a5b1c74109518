-- On which days were tokens used, as lists here told? One scan of token_use.
SELECT organization, token_id, last_ms
FROM token_use
WHERE told_by = 0
ORDER BY organization, token_id, day
