-- What was staged of a file is what its source tells. A scan of api_token.
UPDATE api_token SET told_by = :told_by WHERE told_by = -:told_by
