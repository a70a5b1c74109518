INSERT INTO coverage (source_id, from_ms, to_ms, state, items, skipped, reason)
SELECT source_id, from_ms + 1000, to_ms, 'missed', 0, 0, 'a slip' FROM coverage ORDER BY to_ms - from_ms DESC LIMIT 1;
