-- Ends the row of a token that left or became another. Served by the primary key of api_token.
UPDATE api_token SET valid_to_ms = :now_ms WHERE id = :id
