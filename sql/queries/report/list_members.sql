-- Which members are present? Served by member_present.
SELECT member.workspace,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       member.permission, member.last_accessed_ms
FROM member
JOIN person ON person.id = member.person_id
WHERE member.valid_to_ms IS NULL
ORDER BY member.workspace, member.id
