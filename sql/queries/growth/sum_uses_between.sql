-- How many uses are counted on the days from one to before another? Served by the primary key of day_count.
SELECT CAST(min(total(uses), 4611686018427387904) AS INTEGER) AS uses FROM day_count WHERE day >= :from AND day < :before
