-- Takes out what a source has told. A scan of member.
DELETE FROM member WHERE told_by = :told_by
