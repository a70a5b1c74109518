-- Takes out what a source has told. A scan of repository.
DELETE FROM repository WHERE told_by = :told_by
