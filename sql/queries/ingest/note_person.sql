-- Notes who tells of a person. By the primary key of told_person.
INSERT INTO told_person (person_id, told_by) VALUES (:person_id, :told_by)
ON CONFLICT DO NOTHING
