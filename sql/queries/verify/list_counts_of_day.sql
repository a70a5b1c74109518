-- How often was each track counted on a day? By the primary key of day_count.
SELECT track_id, CAST(min(total(uses), 4611686018427387904) AS INTEGER) AS uses
FROM day_count
WHERE day = :day
GROUP BY track_id
ORDER BY track_id
