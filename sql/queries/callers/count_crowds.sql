-- How much did each source count within days under the name of those beyond the limit? By the name, the unique index of track,
-- and the one row of each day and verdict. A scan of day.
WITH RECURSIVE day (number) AS (SELECT :first UNION ALL SELECT number + 1 FROM day WHERE number < :last)
SELECT source.name, sum(day_count.uses)
FROM name
CROSS JOIN track ON track.username_id = name.id
CROSS JOIN source ON source.id = track.source_id
CROSS JOIN day
CROSS JOIN day_count ON day_count.day = day.number AND day_count.track_id = track.id
WHERE name.text = :crowd
GROUP BY source.name
ORDER BY source.name
