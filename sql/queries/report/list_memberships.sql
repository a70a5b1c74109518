-- Under which names did member lists show people, from when to when as far as that had happened by an instant, and whether they
-- began to do so after it? Before the first list of a workspace it is the first one. One scan of member by member_by_workspace, one
-- scan of scope, then a search for each workspace.
WITH scope AS (
    SELECT workspace, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM member
    WHERE told_by >= 0
    GROUP BY workspace, told_by
)
SELECT member.workspace,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       member.valid_from_ms,
       CASE WHEN member.valid_to_ms <= scope.at_ms THEN member.valid_to_ms END,
       member.valid_from_ms > scope.at_ms
FROM scope
CROSS JOIN member ON member.workspace = scope.workspace AND member.told_by = scope.told_by
JOIN person ON person.id = member.person_id
ORDER BY member.workspace, member.id
