-- What was staged of a file is what its source tells. A scan of repository_permission.
UPDATE repository_permission SET told_by = :told_by WHERE told_by = -:told_by
