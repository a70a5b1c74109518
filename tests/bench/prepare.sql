-- A narrow table in a file with the pragmas of the store's writer (src/store/open.rs).
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -8192;
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
CREATE TABLE event (
    id     TEXT NOT NULL PRIMARY KEY,
    time   TEXT NOT NULL,
    actor  TEXT NOT NULL,
    ip     TEXT NOT NULL,
    action TEXT NOT NULL
) STRICT;
