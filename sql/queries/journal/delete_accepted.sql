-- Forgets an entry of a section that is gone. Served by the primary key of accepted.
DELETE FROM accepted WHERE section = :section AND key = :key
