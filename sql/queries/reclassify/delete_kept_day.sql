-- A day of which a source is not kept whole: its counts stay. Served by the primary key of kept_day.
DELETE FROM kept_day WHERE day = :day AND source_id = :source_id
