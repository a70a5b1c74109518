-- How much did each source count within days under the name of those beyond its limit? By the beginning of the name (:name), the
-- unique index of track, and the one row of each day and verdict. A scan of source, and a scan of day.
WITH RECURSIVE day (number) AS (SELECT :first UNION ALL SELECT number + 1 FROM day WHERE number < :last)
SELECT source.name, CAST(min(total(day_count.uses), 4611686018427387904) AS INTEGER)
FROM source
CROSS JOIN name ON name.text = :name || source.name || ')'
CROSS JOIN track ON track.username_id = name.id AND track.repository_id = 0 AND track.client_id = 0 AND track.source_id = source.id
CROSS JOIN day
CROSS JOIN day_count ON day_count.day = day.number AND day_count.track_id = track.id
GROUP BY source.name
ORDER BY source.name
