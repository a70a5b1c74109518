-- Removes what member lists said of somebody. A scan of member, which has a row for each change of a membership.
DELETE FROM member WHERE person_id = :person_id
