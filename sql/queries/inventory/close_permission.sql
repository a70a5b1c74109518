-- Ends the row of a right on a repository that left or became another. Served by the primary key of repository_permission.
UPDATE repository_permission SET valid_to_ms = :now_ms WHERE id = :id
