-- Which tokens of an organization are present, with their row numbers? Served by api_token_by_id.
SELECT api_token.id, api_token.organization, api_token.token_id, api_token.label, api_token.status,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       api_token.created_ms, api_token.expires_ms, api_token.last_active_ms
FROM api_token
JOIN person ON person.id = api_token.person_id
WHERE api_token.valid_to_ms IS NULL
  AND api_token.told_by = 0
  AND api_token.organization = :organization
ORDER BY api_token.id
