-- Who has told of a person, and of a use of a token: what one instance says goes with it, and comes in nobody else's name. See
-- store::exchanged_lists.

CREATE TABLE told_person (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    told_by   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (person_id, told_by)
) STRICT, WITHOUT ROWID;

INSERT INTO told_person (person_id) SELECT id FROM person ORDER BY id;

CREATE TEMPORARY TABLE use_until_now AS SELECT organization, token_id, day, last_ms FROM token_use;

DROP TABLE token_use;

CREATE TABLE token_use (
    organization TEXT    NOT NULL,
    token_id     TEXT    NOT NULL,
    day          INTEGER NOT NULL,
    told_by      INTEGER NOT NULL DEFAULT 0,
    last_ms      INTEGER NOT NULL,
    PRIMARY KEY (organization, token_id, day, told_by)
) STRICT, WITHOUT ROWID;

INSERT INTO token_use (organization, token_id, day, last_ms)
SELECT organization, token_id, day, last_ms FROM use_until_now ORDER BY organization, token_id, day;

DROP TABLE use_until_now;
