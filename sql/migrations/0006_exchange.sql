-- Whose word stands for a day of an exchanged source: see store::exchange.

CREATE TABLE exchange_day (
    day        INTEGER NOT NULL,
    source_id  INTEGER NOT NULL REFERENCES source (id),
    written_ms INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    PRIMARY KEY (day, source_id)
) STRICT, WITHOUT ROWID;
