-- What was staged of a file is what its source tells. A scan of member.
UPDATE member SET told_by = :told_by WHERE told_by = -:told_by
