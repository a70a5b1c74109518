-- Notes that a scheduled mail reached its first recipient. Served by the primary keys of message and occurrence.
UPDATE occurrence
SET done_ms = :now_ms
WHERE (channel, audience, occurrence_ms) = (SELECT channel, audience, occurrence_ms FROM message WHERE id = :message_id)
  AND done_ms IS NULL
