-- Puts another text where one stood. A scan of api_token.
UPDATE api_token SET label = :new WHERE label = :old
