-- On which days was which token used, and when last? One scan of token_use.
SELECT token_id, last_ms
FROM token_use
ORDER BY organization, token_id, day
