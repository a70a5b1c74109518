-- Removes on which days somebody's tokens were used. A scan of token_use and a scan of api_token.
DELETE FROM token_use
WHERE (organization, token_id) IN (SELECT organization, token_id FROM api_token WHERE person_id = :person_id)
