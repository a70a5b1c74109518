-- What was staged of a file is what its source tells. A scan of token_use.
UPDATE token_use SET told_by = :told_by WHERE told_by = -:told_by
