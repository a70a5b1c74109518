-- Remembers that an alarm went out. Served by the primary key of alarm.
INSERT INTO alarm (kind, about, since_ms, reason)
VALUES (:kind, :about, :since_ms, :reason)
ON CONFLICT DO NOTHING
