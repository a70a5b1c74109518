-- Makes room for the newer forecast of a day. Served by the primary key of forecast.
DELETE FROM forecast WHERE campaign = :campaign AND day = :day
