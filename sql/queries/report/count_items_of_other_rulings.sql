-- How many items were judged by other rules than the present ones? A scan of ruling, which has a few rows.
SELECT coalesce(sum(items), 0) AS items FROM ruling WHERE fingerprint <> :fingerprint
