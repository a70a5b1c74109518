-- Sets when a member was last active, the rest being as it was. Served by the primary key of member.
UPDATE member SET last_accessed_ms = :last_accessed_ms WHERE id = :id
