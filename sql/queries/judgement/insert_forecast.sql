-- Keeps what is forecast on a day for another. Served by the primary key of forecast.
INSERT INTO forecast (campaign, day, target_day, p10, p50, p90, zero_probability)
VALUES (:campaign, :day, :target_day, :p10, :p50, :p90, :zero_probability)
