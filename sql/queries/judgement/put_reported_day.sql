-- Keeps the number remaining and the observed share as reported; the last report of a day stands. Served by the primary key of
-- reported_day.
INSERT INTO reported_day (campaign, day, remaining, active, observed)
VALUES (:campaign, :day, :remaining, :active, :observed)
ON CONFLICT DO UPDATE SET
    remaining = excluded.remaining,
    active    = excluded.active,
    observed  = excluded.observed
