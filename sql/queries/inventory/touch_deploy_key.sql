-- Sets when a deploy key was last used, the rest being as it was. Served by the primary key of deploy_key.
UPDATE deploy_key SET last_used_ms = :last_used_ms WHERE id = :id
