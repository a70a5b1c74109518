-- Which members of a workspace are present, with their row numbers? Served by member_by_workspace.
SELECT member.id, member.workspace,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       member.permission, member.last_accessed_ms
FROM member
JOIN person ON person.id = member.person_id
WHERE member.valid_to_ms IS NULL
  AND member.told_by = 0
  AND member.workspace = :workspace
ORDER BY member.id
