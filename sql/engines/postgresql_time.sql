-- What time is it there, in milliseconds since the epoch?
SELECT CAST(extract(epoch FROM now()) * 1000 AS bigint)
