-- Begins the row of a member. Appends to member.
INSERT INTO member (workspace, person_id, permission, last_accessed_ms, valid_from_ms)
VALUES (:workspace, :person_id, :permission, :last_accessed_ms, :now_ms)
