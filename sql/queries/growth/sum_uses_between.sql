-- How many uses are counted on the days from one to before another? Served by the primary key of day_count.
SELECT coalesce(sum(uses), 0) AS uses FROM day_count WHERE day >= :from AND day < :before
