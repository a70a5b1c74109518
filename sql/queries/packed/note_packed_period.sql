-- From now on what is packed of a period is what is counted. By the primary key of packed_period.
INSERT INTO packed_period (period) VALUES (:period)
