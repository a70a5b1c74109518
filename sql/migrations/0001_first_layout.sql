-- The first layout of the store. schema.sql says what each table is for.

PRAGMA application_id = 0x6475736B;

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
    id              INTEGER NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    items           INTEGER NOT NULL DEFAULT 0,
    last_success_ms INTEGER,
    last_failure_ms INTEGER,
    failure         TEXT    NOT NULL DEFAULT '',
    warning         TEXT    NOT NULL DEFAULT '',
    maximum_grade   TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE cursor (
    source_id INTEGER NOT NULL REFERENCES source (id),
    key       TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    PRIMARY KEY (source_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_item (
    source_id   INTEGER NOT NULL,
    minute      INTEGER NOT NULL,
    hash        INTEGER NOT NULL,
    claimed_day INTEGER NOT NULL,
    PRIMARY KEY (source_id, minute, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE name (
    id   INTEGER NOT NULL PRIMARY KEY,
    text TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE track (
    id              INTEGER NOT NULL PRIMARY KEY,
    source_id       INTEGER NOT NULL REFERENCES source (id),
    username_id     INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    email_id        INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    account_id      INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    display_name_id INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    client_id       INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    origin_kind     TEXT    NOT NULL,
    origin_id       INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    host_id         INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    workspace_id    INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    repository_id   INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    token_id        INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    token_label_id  INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    secret_id       INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    UNIQUE (username_id, repository_id, client_id, origin_id, source_id, email_id, account_id, display_name_id,
            origin_kind, host_id, workspace_id, token_id, token_label_id, secret_id)
) STRICT;

CREATE TABLE verdict (
    id             INTEGER NOT NULL PRIMARY KEY,
    credential     TEXT    NOT NULL,
    grade          TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    operation      TEXT    NOT NULL,
    brownout       TEXT    NOT NULL,
    rule           TEXT    NOT NULL,
    authentication INTEGER NOT NULL DEFAULT 1,
    UNIQUE (rule, credential, grade, outcome, operation, brownout, authentication)
) STRICT;

CREATE TABLE day_count (
    day        INTEGER NOT NULL,
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, track_id, verdict_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunk (
    id          INTEGER NOT NULL PRIMARY KEY,
    source_id   INTEGER NOT NULL REFERENCES source (id),
    recorded_ms INTEGER NOT NULL,
    items       INTEGER NOT NULL,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    bytes       BLOB    NOT NULL
) STRICT;
CREATE INDEX chunk_by_first ON chunk (first_ms, last_ms);

CREATE TABLE retention (
    id           INTEGER NOT NULL PRIMARY KEY,
    raw_from_day INTEGER NOT NULL,
    pruned_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE chunk_track (
    day      INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES track (id),
    chunk_id INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    uses     INTEGER NOT NULL,
    PRIMARY KEY (day, track_id, chunk_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE ruling (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    items       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reclassification (
    id          INTEGER NOT NULL PRIMARY KEY,
    fingerprint TEXT    NOT NULL,
    done_chunk  INTEGER NOT NULL,
    items       INTEGER NOT NULL
) STRICT;

CREATE TABLE day_count_next (
    day        INTEGER NOT NULL,
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL,
    PRIMARY KEY (day, track_id, verdict_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunk_track_next (
    day      INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES track (id),
    chunk_id INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    uses     INTEGER NOT NULL,
    PRIMARY KEY (day, track_id, chunk_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_day (
    day       INTEGER NOT NULL,
    source_id INTEGER NOT NULL REFERENCES source (id),
    uses      INTEGER NOT NULL,
    PRIMARY KEY (day, source_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE coverage (
    source_id INTEGER NOT NULL REFERENCES source (id),
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    items     INTEGER NOT NULL DEFAULT 0,
    skipped   INTEGER NOT NULL DEFAULT 0,
    reason    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (source_id, from_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE skipped (
    source_id INTEGER NOT NULL REFERENCES source (id),
    reason    TEXT    NOT NULL,
    total     INTEGER NOT NULL,
    sample    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (source_id, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE unknown_value (
    field     TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    total     INTEGER NOT NULL,
    first_day INTEGER NOT NULL,
    last_day  INTEGER NOT NULL,
    PRIMARY KEY (field, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE authentication_total (
    workspace  TEXT    NOT NULL,
    credential TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    grade      TEXT    NOT NULL,
    uses       INTEGER NOT NULL,
    PRIMARY KEY (workspace, credential, outcome, grade)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_total (
    source_id    INTEGER NOT NULL REFERENCES source (id),
    status_class TEXT    NOT NULL,
    requests     INTEGER NOT NULL,
    PRIMARY KEY (source_id, status_class)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id           INTEGER NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL DEFAULT '',
    uuid         TEXT    NOT NULL DEFAULT '',
    nickname     TEXT    NOT NULL DEFAULT '',
    display_name TEXT    NOT NULL DEFAULT '',
    email        TEXT    NOT NULL DEFAULT '',
    UNIQUE (account_id, uuid, nickname, display_name, email)
) STRICT;

CREATE TABLE member (
    id               INTEGER NOT NULL PRIMARY KEY,
    workspace        TEXT    NOT NULL,
    person_id        INTEGER NOT NULL REFERENCES person (id),
    permission       TEXT    NOT NULL DEFAULT '',
    last_accessed_ms INTEGER,
    valid_from_ms    INTEGER NOT NULL,
    valid_to_ms      INTEGER
) STRICT;
CREATE INDEX member_by_workspace ON member (workspace, valid_from_ms);

CREATE TABLE repository (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace     TEXT    NOT NULL,
    slug          TEXT    NOT NULL,
    uuid          TEXT    NOT NULL DEFAULT '',
    is_private    INTEGER NOT NULL DEFAULT 1,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE INDEX repository_by_workspace ON repository (workspace, valid_from_ms);

CREATE TABLE repository_permission (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace_id  INTEGER NOT NULL REFERENCES name (id),
    repository_id INTEGER NOT NULL REFERENCES name (id),
    account_id    INTEGER NOT NULL REFERENCES name (id),
    permission    TEXT    NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE INDEX repository_permission_by_place ON repository_permission (workspace_id, repository_id, valid_from_ms);

CREATE TABLE deploy_key (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace     TEXT    NOT NULL,
    repository    TEXT    NOT NULL,
    key_id        INTEGER NOT NULL,
    label         TEXT    NOT NULL DEFAULT '',
    created_ms    INTEGER,
    last_used_ms  INTEGER,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE INDEX deploy_key_by_repository ON deploy_key (workspace, repository, valid_from_ms);

CREATE TABLE api_token (
    id             INTEGER NOT NULL PRIMARY KEY,
    organization   TEXT    NOT NULL,
    token_id       TEXT    NOT NULL,
    label          TEXT    NOT NULL DEFAULT '',
    status         TEXT    NOT NULL DEFAULT '',
    person_id      INTEGER NOT NULL REFERENCES person (id),
    created_ms     INTEGER,
    expires_ms     INTEGER,
    last_active_ms INTEGER,
    valid_from_ms  INTEGER NOT NULL,
    valid_to_ms    INTEGER
) STRICT;
CREATE INDEX api_token_by_id ON api_token (organization, token_id, valid_from_ms);

CREATE TABLE token_use (
    organization TEXT    NOT NULL,
    token_id     TEXT    NOT NULL,
    day          INTEGER NOT NULL,
    last_ms      INTEGER NOT NULL,                -- the last use of that day that the inventory told
    PRIMARY KEY (organization, token_id, day)
) STRICT, WITHOUT ROWID;

-- Credentials that no API lists, as a file of the organisation's does: it replaces what a file of the same name said.
CREATE TABLE registered_credential (
    register   TEXT NOT NULL,                     -- the file's name
    kind       TEXT NOT NULL,
    label      TEXT NOT NULL,
    location   TEXT NOT NULL DEFAULT '',
    owner      TEXT NOT NULL DEFAULT '',
    expires_ms INTEGER,
    PRIMARY KEY (register, kind, label, location)
) STRICT, WITHOUT ROWID;

-- People and their teams, as a file of the organisation's says: it replaces what a file of the same name said.
CREATE TABLE directory_entry (
    register     TEXT    NOT NULL,                -- the file's name
    line         INTEGER NOT NULL,
    account_id   TEXT    NOT NULL DEFAULT '',
    nickname     TEXT    NOT NULL DEFAULT '',
    display_name TEXT    NOT NULL DEFAULT '',
    email        TEXT    NOT NULL DEFAULT '',
    team         TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (register, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE integration_key (
    id                INTEGER NOT NULL PRIMARY KEY,
    integration       TEXT    NOT NULL,
    first_integration TEXT    NOT NULL,
    user              TEXT    NOT NULL,
    client            TEXT    NOT NULL,
    origin_kind       TEXT    NOT NULL,
    origin            TEXT    NOT NULL,
    remembered_ms     INTEGER NOT NULL,
    UNIQUE (user, client, origin_kind, origin)
) STRICT;

CREATE TABLE integration_status (
    campaign    TEXT NOT NULL,
    integration TEXT NOT NULL,
    status      TEXT NOT NULL,
    PRIMARY KEY (campaign, integration)
) STRICT, WITHOUT ROWID;

CREATE TABLE status_change (
    id          INTEGER NOT NULL PRIMARY KEY,
    day         INTEGER NOT NULL,
    campaign    TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    from_status TEXT    NOT NULL DEFAULT '',
    to_status   TEXT    NOT NULL DEFAULT '',
    cause       TEXT    NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
CREATE INDEX status_change_by_day ON status_change (day, integration);

CREATE TABLE reported_day (
    campaign  TEXT    NOT NULL,
    day       INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    active    INTEGER,
    observed  INTEGER,
    PRIMARY KEY (campaign, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE forecast (
    campaign         TEXT    NOT NULL,
    day              INTEGER NOT NULL,
    target_day       INTEGER NOT NULL,
    p10              INTEGER NOT NULL,
    p50              INTEGER NOT NULL,
    p90              INTEGER NOT NULL,
    zero_probability REAL    NOT NULL,
    PRIMARY KEY (campaign, day, target_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    sequence INTEGER NOT NULL PRIMARY KEY,
    at_s     INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;
CREATE TRIGGER journal_keeps_its_words BEFORE UPDATE ON journal BEGIN
    SELECT RAISE(ABORT, 'an entry of the journal is never changed');
END;
CREATE TRIGGER journal_keeps_its_entries BEFORE DELETE ON journal BEGIN
    SELECT RAISE(ABORT, 'an entry of the journal is never removed');
END;

CREATE TABLE accepted (
    section TEXT NOT NULL,
    key     TEXT NOT NULL,
    words   TEXT NOT NULL,
    PRIMARY KEY (section, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar_event (
    uid        TEXT    NOT NULL PRIMARY KEY,
    starts_ms  INTEGER NOT NULL,
    ends_ms    INTEGER NOT NULL,
    words      TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    revised_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE alarm (
    kind     TEXT    NOT NULL,
    about    TEXT    NOT NULL,
    since_ms INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (kind, about)
) STRICT, WITHOUT ROWID;

CREATE TABLE occurrence (
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,
    done_ms       INTEGER,
    PRIMARY KEY (channel, audience, occurrence_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE told (
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,
    campaign      TEXT    NOT NULL,
    told_ms       INTEGER NOT NULL,
    remaining     INTEGER NOT NULL,
    changes       INTEGER NOT NULL,
    PRIMARY KEY (channel, audience, occurrence_ms, campaign)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id            INTEGER NOT NULL PRIMARY KEY,
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,
    enqueued_ms   INTEGER NOT NULL,
    message_id    TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    late          INTEGER NOT NULL DEFAULT 0,
    body          BLOB    NOT NULL,
    FOREIGN KEY (channel, audience, occurrence_ms) REFERENCES occurrence
) STRICT;

CREATE TABLE recipient (
    id         INTEGER NOT NULL PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    address    TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'pending',
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL,
    settled_ms INTEGER,
    failure    TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX recipient_pending ON recipient (due_ms) WHERE state = 'pending';
CREATE INDEX recipient_of_message ON recipient (message_id);

-- Hashes of item ids mean nothing outside this store.
INSERT INTO meta (key, value) VALUES ('seen_key', randomblob(16)), ('people_key', randomblob(32));

INSERT INTO name (id, text) VALUES (0, '');
