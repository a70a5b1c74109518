-- Takes out what a source has told. A scan of told_person.
DELETE FROM told_person WHERE told_by = :told_by
