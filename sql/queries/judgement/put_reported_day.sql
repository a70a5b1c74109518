-- Keeps the number remaining as reported; the last report of a day stands. Served by the primary key of reported_day.
INSERT INTO reported_day (campaign, day, remaining)
VALUES (:campaign, :day, :remaining)
ON CONFLICT DO UPDATE SET remaining = excluded.remaining
