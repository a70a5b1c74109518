-- Ends the row of a deploy key that left or became another. Served by the primary key of deploy_key.
UPDATE deploy_key SET valid_to_ms = :now_ms WHERE id = :id
