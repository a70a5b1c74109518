-- How many items were judged by other rules than the present ones? A scan of ruling, which has a few rows.
SELECT CAST(min(total(items), 4611686018427387904) AS INTEGER) AS items FROM ruling WHERE fingerprint <> :fingerprint
