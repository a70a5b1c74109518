-- Remembers an event as it is told now. Served by the primary key of calendar_event.
INSERT INTO calendar_event (uid, starts_ms, ends_ms, words, sequence, revised_ms)
VALUES (:uid, :starts_ms, :ends_ms, :words, :sequence, :revised_ms)
ON CONFLICT (uid) DO UPDATE
SET starts_ms  = excluded.starts_ms,
    ends_ms    = excluded.ends_ms,
    words      = excluded.words,
    sequence   = excluded.sequence,
    revised_ms = excluded.revised_ms
