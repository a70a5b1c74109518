-- Which day is the next one that is counted? By the primary key of day_count.
SELECT min(day) AS day FROM day_count WHERE day > :day
