-- Lets a file speak for a day of a source, unless a later one does. By the primary key of exchange_day.
INSERT INTO exchange_day (day, source_id, written_ms, digest)
VALUES (:day, :source_id, :written_ms, :digest)
ON CONFLICT DO UPDATE SET
    written_ms = excluded.written_ms,
    digest     = excluded.digest
WHERE (exchange_day.written_ms, exchange_day.digest) < (excluded.written_ms, excluded.digest)
