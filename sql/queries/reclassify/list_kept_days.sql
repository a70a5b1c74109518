-- What is kept of each day and source? A scan of kept_day, which has a row a day and source, by its primary key.
SELECT kept_day.day, source.name, kept_day.uses, source.id
FROM kept_day
JOIN source ON source.id = kept_day.source_id
ORDER BY kept_day.day, source.name
