-- Who was a member at an instant; before the first list of a workspace, who was on that one? Of activities only the newest is
-- kept, and it may lie after the instant: who looks back has to know that what was before is not known. One scan of member by
-- member_by_workspace, one scan of scope, then a search for each workspace.
WITH scope AS (
    SELECT workspace, told_by, max(:at_ms, min(valid_from_ms)) AS at_ms
    FROM member
    WHERE told_by >= 0
    GROUP BY workspace, told_by
)
SELECT member.workspace,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       member.permission,
       member.last_accessed_ms
FROM scope
CROSS JOIN member ON member.workspace = scope.workspace AND member.told_by = scope.told_by AND member.valid_from_ms <= scope.at_ms
JOIN person ON person.id = member.person_id
WHERE member.valid_to_ms IS NULL OR member.valid_to_ms > scope.at_ms
ORDER BY member.workspace, member.id
