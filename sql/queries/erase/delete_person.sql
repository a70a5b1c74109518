-- Removes who was named. By the primary key of person.
DELETE FROM person WHERE id = :person_id
