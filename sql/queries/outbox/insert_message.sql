-- Puts a message into the outbox. Appends to message.
INSERT INTO message (channel, audience, occurrence_ms, enqueued_ms, message_id, subject, late, body)
VALUES (:channel, :audience, :occurrence_ms, :now_ms, :message_id, :subject, :late, :body)
RETURNING id
