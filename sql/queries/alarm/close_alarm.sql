-- Forgets an alarm that is over. Served by the primary key of alarm.
DELETE FROM alarm
WHERE kind = :kind
  AND about = :about
