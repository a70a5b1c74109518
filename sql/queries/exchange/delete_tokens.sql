-- Takes out what a source has told. A scan of api_token.
DELETE FROM api_token WHERE told_by = :told_by
