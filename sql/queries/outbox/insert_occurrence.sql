-- Claims a scheduled delivery; writes nothing if it was claimed before. Served by the primary key of occurrence.
INSERT INTO occurrence (channel, audience, occurrence_ms, done_ms)
VALUES (:channel, :audience, :occurrence_ms, :done_ms)
ON CONFLICT DO NOTHING
