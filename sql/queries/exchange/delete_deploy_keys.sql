-- Takes out what a source has told. A scan of deploy_key.
DELETE FROM deploy_key WHERE told_by = :told_by
