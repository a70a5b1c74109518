-- Notes that of days before one nothing but counts is kept from now on. Served by the primary key of retention.
INSERT INTO retention (id, raw_from_day, pruned_ms)
VALUES (1, :raw_from_day, 0)
ON CONFLICT DO UPDATE SET raw_from_day = max(raw_from_day, excluded.raw_from_day)
