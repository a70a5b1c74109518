-- Which periods are packed? A scan of packed_period, one row for 64 days.
SELECT period FROM packed_period ORDER BY period
