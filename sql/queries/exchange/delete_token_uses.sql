-- Takes out what a source has told. A scan of token_use.
DELETE FROM token_use WHERE told_by = :told_by
