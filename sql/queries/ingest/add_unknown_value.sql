-- Counts a value that nobody has explained; from the limit on, new values of a field are counted together as :others.
-- Served by the primary key of unknown_value.
INSERT INTO unknown_value (field, value, total, first_day, last_day)
SELECT
    :field,
    CASE
        WHEN EXISTS (SELECT 1 FROM unknown_value WHERE field = :field AND value = :value) THEN :value
        WHEN (SELECT count(*) FROM unknown_value WHERE field = :field) < :limit THEN :value
        ELSE :others
    END,
    :total, :day, :day
WHERE true
ON CONFLICT DO UPDATE SET
    total     = min(total + excluded.total, 4611686018427387904),
    first_day = min(first_day, excluded.first_day),
    last_day  = max(last_day, excluded.last_day)
