-- Forgets an event. Served by the primary key of calendar_event.
DELETE FROM calendar_event WHERE uid = :uid
