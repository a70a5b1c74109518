-- What was settled is counted as it happens: the service says it several times a minute, and the outbox keeps every message. How
-- the newest mail to an audience fares, and what was given up lately, is found by an index for the same reason.

CREATE TABLE settled_total (
    channel  TEXT    NOT NULL PRIMARY KEY,
    sent     INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO settled_total (channel, sent, given_up)
SELECT message.channel,
       count(*) FILTER (WHERE recipient.state = 'sent'),
       count(*) FILTER (WHERE recipient.state = 'given_up')
FROM recipient
JOIN message ON message.id = recipient.message_id
WHERE recipient.state <> 'pending'
GROUP BY message.channel;

CREATE TRIGGER recipient_is_settled AFTER UPDATE OF state ON recipient
WHEN old.state = 'pending' AND new.state <> 'pending' BEGIN
    INSERT INTO settled_total (channel, sent, given_up)
    SELECT channel, new.state = 'sent', new.state = 'given_up' FROM message WHERE id = new.message_id
    ON CONFLICT DO UPDATE SET sent = sent + excluded.sent, given_up = given_up + excluded.given_up;
END;

CREATE INDEX message_by_audience ON message (channel, audience, occurrence_ms);
CREATE INDEX recipient_given_up ON recipient (settled_ms) WHERE state = 'given_up';
