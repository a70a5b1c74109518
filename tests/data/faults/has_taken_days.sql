-- Has any day of a file of another instance been taken up? One scan of exchange_day.
SELECT EXISTS (SELECT 1 FROM exchange_day WHERE written_ms = :written_ms)
