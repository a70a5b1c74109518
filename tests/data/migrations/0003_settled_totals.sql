INSERT INTO occurrence (channel, audience, occurrence_ms, done_ms) VALUES ('otlp', 'k7m2qd4x', 1783058400000, NULL);
INSERT INTO message (id, channel, audience, occurrence_ms, enqueued_ms, message_id, subject, late, body) VALUES
    (3, 'otlp', 'k7m2qd4x', 1783058400000, 1783058400000, 'msg_2', 'integration.changed', 0, x'');
INSERT INTO recipient (message_id, address, state, attempts, due_ms, settled_ms, failure) VALUES
    (3, 'collector', 'pending', 1, 1783058400000, NULL, 'connection refused');
UPDATE recipient SET state = 'given_up', settled_ms = 1783058401000 WHERE message_id = 3;
