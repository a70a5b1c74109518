-- How much did each source count within days at places beyond its limit? By the name of such places, which few stores have; a
-- scan of track where one has it, and a scan of day.
WITH RECURSIVE day (number) AS (SELECT :first UNION ALL SELECT number + 1 FROM day WHERE number < :last)
SELECT source.name, CAST(min(total(day_count.uses), 4611686018427387904) AS INTEGER)
FROM name
CROSS JOIN track ON track.repository_id = name.id
CROSS JOIN source ON source.id = track.source_id
CROSS JOIN day
CROSS JOIN day_count ON day_count.day = day.number AND day_count.track_id = track.id
WHERE name.text = :name
GROUP BY source.name
ORDER BY source.name
