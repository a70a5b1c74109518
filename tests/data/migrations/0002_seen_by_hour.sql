INSERT INTO seen (source_id, hour, from_s, to_s, claimed_day, hashes) VALUES
    (1, 495295, 1783062000, 1783062030, 20637, x'0123456789ABCDEF8FB5A1C2D3E4F506');
INSERT INTO occurrence (channel, audience, occurrence_ms, done_ms) VALUES ('webhook', 'chat', 1783058400000, 1783058401000);
INSERT INTO message (id, channel, audience, occurrence_ms, enqueued_ms, message_id, subject, late, body) VALUES
    (2, 'webhook', 'chat', 1783058400000, 1783058400000, 'msg_1', 'integration.changed', 0, x'');
INSERT INTO recipient (message_id, address, state, attempts, due_ms, settled_ms, failure) VALUES
    (2, 'chat', 'sent', 1, 1783058400000, 1783058401000, '');
