-- Takes out what a source has told. A scan of repository_permission.
DELETE FROM repository_permission WHERE told_by = :told_by
