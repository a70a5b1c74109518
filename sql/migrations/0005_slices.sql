-- Slices of time that an engine counted, which may be asked again and replaced: see store::slices.

CREATE TABLE slice_count (
    source_id  INTEGER NOT NULL REFERENCES source (id),
    day        INTEGER NOT NULL,
    from_hour  INTEGER NOT NULL,
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL,
    PRIMARY KEY (source_id, day, from_hour, track_id, verdict_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE staged_count (
    source_id  INTEGER NOT NULL REFERENCES source (id),
    day        INTEGER NOT NULL,
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL,
    PRIMARY KEY (source_id, day, track_id, verdict_id)
) STRICT, WITHOUT ROWID;
