-- Is anything staged that counts nowhere yet? The first row of staged_count.
SELECT EXISTS (SELECT 1 FROM staged_count)
