-- Which members were listed here, and when? One scan of member.
SELECT member.workspace,
       person.account_id, person.uuid, person.nickname, person.display_name, person.email,
       member.permission, member.last_accessed_ms, member.valid_from_ms, member.valid_to_ms
FROM member
JOIN person ON person.id = member.person_id
WHERE member.told_by = 0
ORDER BY member.id
