-- Gives an integration's key another user and origin; one that was remembered before as the same goes. By the primary key of
-- integration_key and its unique index.
UPDATE OR REPLACE integration_key SET user = :user, origin = :origin WHERE id = :id
