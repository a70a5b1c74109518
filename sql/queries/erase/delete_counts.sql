-- Takes a day's counts from a track that became another. By the primary key of day_count.
DELETE FROM day_count WHERE day = :day AND track_id = :from
