-- Has another instance told anything? A scan of exchange_day that ends with its first row.
SELECT EXISTS (SELECT 1 FROM exchange_day LIMIT 1)
