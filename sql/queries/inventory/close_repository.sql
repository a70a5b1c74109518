-- Ends the row of a repository that left or became another. Served by the primary key of repository.
UPDATE repository SET valid_to_ms = :now_ms WHERE id = :id
