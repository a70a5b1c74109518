-- Which tokens were listed at an instant; before the first list of an organization, which of that one were made by then? One
-- scan of api_token by api_token_by_id, one scan of scope, then a search for each organization.
WITH scope AS (
    SELECT organization, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM api_token
    WHERE told_by >= 0
    GROUP BY organization, told_by
)
SELECT held.organization, held.token_id, held.label, held.status,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       held.created_ms, held.expires_ms,
       CASE WHEN held.last_active_ms <= :at_ms THEN held.last_active_ms ELSE (
           SELECT max(last_ms) FROM token_use
           WHERE token_use.organization = held.organization AND token_use.token_id = held.token_id
             AND token_use.told_by = held.told_by AND token_use.last_ms <= :at_ms
       ) END
FROM scope
CROSS JOIN api_token AS held ON held.organization = scope.organization AND held.told_by = scope.told_by
JOIN person ON person.id = held.person_id
WHERE held.valid_from_ms <= scope.at_ms AND (held.valid_to_ms IS NULL OR held.valid_to_ms > scope.at_ms)
  AND (scope.at_ms = :at_ms OR held.created_ms IS NULL OR held.created_ms <= :at_ms)
ORDER BY held.organization, held.token_id
