-- Keeps one event, as a script would: the stream repeats some at the turn of a page.
INSERT INTO event (id, time, actor, ip, action)
VALUES (:id, :time, :actor, :ip, :action)
ON CONFLICT DO NOTHING
