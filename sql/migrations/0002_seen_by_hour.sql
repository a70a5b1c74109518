-- Seen items by hour, many in a row, in place of a row an item. Those that came without their time (minute 0) go where such
-- items are looked for: of senders by 32 bits of the hash from hour -2^33 on, of imports, whose lines now come with their
-- time, from -2^34 on.

CREATE TABLE seen (
    id          INTEGER NOT NULL PRIMARY KEY,
    source_id   INTEGER NOT NULL,
    hour        INTEGER NOT NULL,
    from_s      INTEGER NOT NULL,
    to_s        INTEGER NOT NULL,
    claimed_day INTEGER NOT NULL,
    hashes      BLOB    NOT NULL
) STRICT;

INSERT INTO seen (source_id, hour, from_s, to_s, claimed_day, hashes)
SELECT source_id,
       CASE WHEN minute <> 0 THEN minute / 60
            WHEN source_id IN (SELECT id FROM source WHERE name LIKE 'import/%') THEN -17179869184 + (hash & 4294967295)
            ELSE -8589934592 + (hash & 4294967295) END AS at,
       min(minute) * 60,
       CASE WHEN max(minute) = 0 THEN 0 ELSE max(minute) * 60 + 59 END,
       claimed_day,
       unhex(group_concat(printf('%016x', hash), '' ORDER BY hash < 0, hash))
FROM seen_item
GROUP BY source_id, at, claimed_day
ORDER BY claimed_day, source_id, at;

CREATE INDEX seen_by_hour ON seen (source_id, hour, from_s, to_s);

DROP TABLE seen_item;
