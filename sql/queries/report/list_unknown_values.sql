-- Which values has nobody explained? One scan of unknown_value, bounded for each field.
SELECT field, value, total, first_day, last_day
FROM unknown_value
ORDER BY field, value
