-- What was staged of a file is what its source tells. A scan of told_person.
UPDATE told_person SET told_by = :told_by WHERE told_by = -:told_by
