-- How many uses of each source are counted on a day? The rows of the day, by the primary keys of day_count and track.
SELECT track.source_id, CAST(min(total(day_count.uses), 4611686018427387904) AS INTEGER) AS uses
FROM day_count
JOIN track ON track.id = day_count.track_id
WHERE day_count.day = :day
GROUP BY track.source_id
