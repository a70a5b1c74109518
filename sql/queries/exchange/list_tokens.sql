-- Which tokens were listed here, and when? One scan of held, the tokens.
SELECT held.organization, held.token_id, held.label, held.status,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       held.created_ms, held.expires_ms, held.last_active_ms, held.valid_from_ms, held.valid_to_ms
FROM api_token AS held
JOIN person ON person.id = held.person_id
WHERE held.told_by = 0
ORDER BY held.id
