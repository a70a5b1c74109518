-- Day counts once more, packed, for the one reader of all of them: see store::packed. Nothing is packed here; the first one to
-- collect does it.

CREATE TABLE packed_period (
    period INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE packed_counts (
    id     INTEGER NOT NULL PRIMARY KEY,
    counts BLOB    NOT NULL
) STRICT;
