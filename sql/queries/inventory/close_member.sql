-- Ends the row of a member that left or became another. Served by the primary key of member.
UPDATE member SET valid_to_ms = :now_ms WHERE id = :id
