-- Notes that a token was used on a day, and when last. Served by the primary key of token_use.
INSERT INTO token_use (organization, token_id, day, told_by, last_ms)
VALUES (:organization, :token_id, :day, :told_by, :last_ms)
ON CONFLICT (organization, token_id, day, told_by) DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)
