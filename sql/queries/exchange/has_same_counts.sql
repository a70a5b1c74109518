-- Is what a file says of a day, of all sources for which it speaks, what is counted? The rows of one day, by the primary keys of
-- day_count, track, exchange_day and staged_count.
WITH spoken (source_id) AS (
    SELECT source_id FROM exchange_day WHERE day = :day AND digest = :digest
)
SELECT (
           SELECT count(*)
           FROM day_count
           WHERE day = :day
             AND (SELECT source_id FROM track WHERE track.id = day_count.track_id) IN (SELECT source_id FROM spoken)
       ) = (
           SELECT count(*)
           FROM spoken
           JOIN staged_count ON staged_count.source_id = spoken.source_id AND staged_count.day = :day
       )
   AND NOT EXISTS (
           SELECT 1
           FROM spoken
           JOIN staged_count AS new ON new.source_id = spoken.source_id AND new.day = :day
           LEFT JOIN day_count AS old
               ON old.day = new.day AND old.track_id = new.track_id AND old.verdict_id = new.verdict_id
              AND old.uses = new.uses AND old.first_ms = new.first_ms AND old.last_ms = new.last_ms AND old.hours = new.hours
           WHERE old.day IS NULL
       )
