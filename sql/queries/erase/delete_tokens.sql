-- Removes somebody's tokens. A scan of api_token.
DELETE FROM api_token WHERE person_id = :person_id
