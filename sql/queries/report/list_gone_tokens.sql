-- Which tokens were listed before an instant and were not at it, as they were listed last? One scan of api_token; for each of
-- its ended rows a search by api_token_by_id.
SELECT held.organization, held.token_id, held.label, held.status,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       held.created_ms, held.expires_ms,
       CASE WHEN held.last_active_ms <= :at_ms THEN held.last_active_ms ELSE (
           SELECT max(last_ms) FROM token_use
           WHERE token_use.organization = held.organization AND token_use.token_id = held.token_id
             AND token_use.told_by = held.told_by AND token_use.last_ms <= :at_ms
       ) END,
       held.valid_to_ms
FROM api_token AS held
JOIN person ON person.id = held.person_id
WHERE held.valid_to_ms <= :at_ms
  AND held.told_by >= 0
  AND NOT EXISTS (
      SELECT 1 FROM api_token AS later
      WHERE later.organization = held.organization AND later.token_id = held.token_id
        AND later.told_by = held.told_by AND later.valid_from_ms <= :at_ms AND later.id > held.id
  )
ORDER BY held.organization, held.token_id
