-- Which is the first day that is counted, from one on? By the primary key of day_count.
SELECT min(day) AS day FROM day_count WHERE day >= :from
