-- On which days were tokens used that were listed here? One scan of token_use; a search by api_token_by_id for each row.
SELECT organization, token_id, last_ms
FROM token_use
WHERE EXISTS (
    SELECT 1 FROM api_token
    WHERE api_token.organization = token_use.organization AND api_token.token_id = token_use.token_id AND api_token.told_by = 0
)
ORDER BY organization, token_id, day
