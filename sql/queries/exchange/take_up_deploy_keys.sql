-- What was staged of a file is what its source tells. A scan of deploy_key.
UPDATE deploy_key SET told_by = :told_by WHERE told_by = -:told_by
