-- From which day on is everything kept, and when was the rest removed last? By the primary key of retention.
SELECT raw_from_day, pruned_ms FROM retention WHERE id = 1
