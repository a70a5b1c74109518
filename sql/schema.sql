-- The whole schema as the migrations leave it. A test keeps the two equal; the store itself only runs migrations.
--
-- Conventions: days are UTC days since 1970-01-01; instants are milliseconds since the Unix epoch; closed sets are
-- stored as the words of the contract; an absent text is '', an absent instant is NULL.

-- Facts about the store itself: 'seen_key' is the random key under which the ids of seen items are hashed, 'people_key' the
-- one that pseudonyms of people are made with.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Who tells us: audit/acme, tokens/acme, access/acme, log/egress, import/old; and how that is going.
CREATE TABLE source (
    id              INTEGER NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    items           INTEGER NOT NULL DEFAULT 0,   -- read so far, skipped ones not included
    last_success_ms INTEGER,
    last_failure_ms INTEGER,
    failure         TEXT    NOT NULL DEFAULT '',  -- the last failure in words
    warning         TEXT    NOT NULL DEFAULT '',  -- what a reader should know though nothing failed
    maximum_grade   TEXT    NOT NULL DEFAULT ''   -- what its word counts for at most; '': no limit
) STRICT;

-- Where each source goes on reading; committed with the evidence that was read up to there.
CREATE TABLE cursor (
    source_id INTEGER NOT NULL REFERENCES source (id),
    key       TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    PRIMARY KEY (source_id, key)
) STRICT, WITHOUT ROWID;

-- Items that came already, as keyed 64-bit hashes of their ids (store::seen): one row for those of one hour, of their own
-- time, that came together. An item that comes again has the same time; the hour of one without a time is drawn from its
-- hash. The hashes come last, so that the columns before them are read without them.
CREATE TABLE seen (
    id          INTEGER NOT NULL PRIMARY KEY,
    source_id   INTEGER NOT NULL,
    hour        INTEGER NOT NULL,                 -- hours since the epoch
    from_s      INTEGER NOT NULL,                 -- the first and the last of their own times, seconds since the epoch
    to_s        INTEGER NOT NULL,
    claimed_day INTEGER NOT NULL,                 -- when they came first; retention goes by this
    hashes      BLOB    NOT NULL                  -- SipHash-1-3 of the ids under meta 'seen_key': 8 bytes each, sorted
) STRICT;
-- For ingest/list_seen and ingest/has_seen_before.
CREATE INDEX seen_by_hour ON seen (source_id, hour, from_s, to_s);

-- Every text that tracks repeat, once. Row 0 is the absent text.
CREATE TABLE name (
    id   INTEGER NOT NULL PRIMARY KEY,
    text TEXT    NOT NULL UNIQUE
) STRICT;

-- What repeats about a sighting, names as they came. Every *_id but source_id points into name.
CREATE TABLE track (
    id              INTEGER NOT NULL PRIMARY KEY,
    source_id       INTEGER NOT NULL REFERENCES source (id),
    username_id     INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    email_id        INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    account_id      INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    display_name_id INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    client_id       INTEGER NOT NULL DEFAULT 0 REFERENCES name (id),
    origin_kind     TEXT    NOT NULL,             -- one letter, see Origin::kind
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

-- What the rules said: a few hundred combinations.
CREATE TABLE verdict (
    id             INTEGER NOT NULL PRIMARY KEY,
    credential     TEXT    NOT NULL,
    grade          TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    operation      TEXT    NOT NULL,
    brownout       TEXT    NOT NULL,              -- where the instant lay against the brownout windows
    rule           TEXT    NOT NULL,
    authentication INTEGER NOT NULL DEFAULT 1,    -- 0: an item that signs nobody in
    UNIQUE (rule, credential, grade, outcome, operation, brownout, authentication)
) STRICT;

-- How often a track was seen on one UTC day with one verdict. The day leads: writing touches the leaves of the days
-- that are being read, not one leaf for each track; the one reader of all of it sorts in memory.
CREATE TABLE day_count (
    day        INTEGER NOT NULL,
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL DEFAULT 0,        -- 24 bits: bit h is set when it was used in UTC hour h
    PRIMARY KEY (day, track_id, verdict_id)
) STRICT, WITHOUT ROWID;

-- Day counts once more, packed (store::packed): a judgement reads all of them, and a row each costs it more than judging. These
-- periods of 64 days (day / 64) are packed: of each every count stands in packed_counts.
CREATE TABLE packed_period (
    period INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- One track's counts of one period, as evidence::counts packs them, with the numbers of verdicts. Of periods that are not in
-- packed_period a row says nothing.
CREATE TABLE packed_counts (
    id     INTEGER NOT NULL PRIMARY KEY,          -- track_id * 4096 + period
    counts BLOB    NOT NULL
) STRICT;

-- What an engine counted of a slice of time, of days whose slices are still asked again: day_count is their sum for the tracks
-- of the source (store::slices).
CREATE TABLE slice_count (
    source_id  INTEGER NOT NULL REFERENCES source (id),
    day        INTEGER NOT NULL,
    from_hour  INTEGER NOT NULL,                  -- the first hour of the slice
    track_id   INTEGER NOT NULL REFERENCES track (id),
    verdict_id INTEGER NOT NULL REFERENCES verdict (id),
    uses       INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    hours      INTEGER NOT NULL,
    PRIMARY KEY (source_id, day, from_hour, track_id, verdict_id)
) STRICT, WITHOUT ROWID;

-- What has come of the answer that a source is reading, until it is whole.
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

-- Which file of another instance says what is counted of a day, and when that was looked at: the one that was written last, by
-- the row of the instance itself (store::exchange). A source of its own that says a later one is sealed: somebody was erased.
CREATE TABLE exchange_day (
    day        INTEGER NOT NULL,
    source_id  INTEGER NOT NULL REFERENCES source (id),
    written_ms INTEGER NOT NULL,                  -- 2^63 - 1 where somebody was erased: no file replaces the day any more
    digest     BLOB    NOT NULL,                  -- of the file, which decides between two of one instant
    PRIMARY KEY (day, source_id)
) STRICT, WITHOUT ROWID;

-- What was read, kept for better rules: one compressed batch a row. The blob comes last, so that the columns before it
-- are read without it.
CREATE TABLE chunk (
    id          INTEGER NOT NULL PRIMARY KEY,
    source_id   INTEGER NOT NULL REFERENCES source (id),
    recorded_ms INTEGER NOT NULL,
    items       INTEGER NOT NULL,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    bytes       BLOB    NOT NULL
) STRICT;
-- For prune/list_old_chunks.
CREATE INDEX chunk_by_first ON chunk (first_ms, last_ms);

-- What was removed because of its age, one row.
CREATE TABLE retention (
    id           INTEGER NOT NULL PRIMARY KEY,       -- 1
    raw_from_day INTEGER NOT NULL,                   -- of days before it only counts are kept
    pruned_ms    INTEGER NOT NULL                    -- when all that was too old had been removed last; 0: never
) STRICT;

-- Which chunks hold sightings of a track on a day. chunk_id has no foreign key: checking it would read this whole
-- table whenever a chunk is pruned; both are pruned by day.
CREATE TABLE chunk_track (
    day      INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES track (id),
    chunk_id INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,                    -- the track's place among the tracks of the batch
    uses     INTEGER NOT NULL,
    PRIMARY KEY (day, track_id, chunk_id, ordinal)
) STRICT, WITHOUT ROWID;

-- By what the evidence is judged that is kept: a fingerprint of rules, catalogue, named networks and calendar, with the items
-- that were recorded under it since everything was judged anew last. Other rows than the present one ask for a reclassify.
CREATE TABLE ruling (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    items       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The reclassification that is under way, if one is (store::reclassify).
CREATE TABLE reclassification (
    id          INTEGER NOT NULL PRIMARY KEY,        -- 1
    fingerprint TEXT    NOT NULL,                    -- what it judges by
    done_chunk  INTEGER NOT NULL,                    -- the last chunk that is in the tables below
    items       INTEGER NOT NULL
    -- How many integrations a source may name in it.
    , per_source INTEGER NOT NULL DEFAULT 0) STRICT;

-- As day_count, by the rules of the reclassification under way.
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

-- As chunk_track, by the rules of the reclassification under way.
CREATE TABLE chunk_track_next (
    day      INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES track (id),
    chunk_id INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    uses     INTEGER NOT NULL,
    PRIMARY KEY (day, track_id, chunk_id, ordinal)
) STRICT, WITHOUT ROWID;

-- How many uses of a day and source its kept chunks held when they were recorded: all of them, if that is what is counted.
CREATE TABLE kept_day (
    day       INTEGER NOT NULL,
    source_id INTEGER NOT NULL REFERENCES source (id),
    uses      INTEGER NOT NULL,
    PRIMARY KEY (day, source_id)
) STRICT, WITHOUT ROWID;

-- Which intervals of which source were seen, and which were not: sorted, disjoint, merged while they touch.
CREATE TABLE coverage (
    source_id INTEGER NOT NULL REFERENCES source (id),
    from_ms   INTEGER NOT NULL,
    to_ms     INTEGER NOT NULL,                   -- excluded
    state     TEXT    NOT NULL,
    items     INTEGER NOT NULL DEFAULT 0,
    skipped   INTEGER NOT NULL DEFAULT 0,
    reason    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (source_id, from_ms)
) STRICT, WITHOUT ROWID;

-- Items that were not kept, by reason, with the last sample.
CREATE TABLE skipped (
    source_id INTEGER NOT NULL REFERENCES source (id),
    reason    TEXT    NOT NULL,
    total     INTEGER NOT NULL,
    sample    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (source_id, reason)
) STRICT, WITHOUT ROWID;

-- Values of fields that nobody has explained yet.
CREATE TABLE unknown_value (
    field     TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    total     INTEGER NOT NULL,
    first_day INTEGER NOT NULL,
    last_day  INTEGER NOT NULL,
    PRIMARY KEY (field, value)
) STRICT, WITHOUT ROWID;

-- Authentications as they were classified when they were recorded, for a counter that never goes back.
CREATE TABLE authentication_total (
    workspace  TEXT    NOT NULL,
    credential TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    grade      TEXT    NOT NULL,
    uses       INTEGER NOT NULL,
    PRIMARY KEY (workspace, credential, outcome, grade)
) STRICT, WITHOUT ROWID;

-- Requests that were made to a source, by the class of the answer.
CREATE TABLE request_total (
    source_id    INTEGER NOT NULL REFERENCES source (id),
    status_class TEXT    NOT NULL,
    requests     INTEGER NOT NULL,
    PRIMARY KEY (source_id, status_class)
) STRICT, WITHOUT ROWID;

-- Facts about one identity that stood together in one place; joined into users by the judgement.
CREATE TABLE person (
    id           INTEGER NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL DEFAULT '',
    uuid         TEXT    NOT NULL DEFAULT '',
    nickname     TEXT    NOT NULL DEFAULT '',
    display_name TEXT    NOT NULL DEFAULT '',
    email        TEXT    NOT NULL DEFAULT '',
    UNIQUE (account_id, uuid, nickname, display_name, email)
) STRICT;

-- Who has told of a person: as told_by in the inventories below.
CREATE TABLE told_person (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    told_by   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (person_id, told_by)
) STRICT, WITHOUT ROWID;

-- The inventories keep their past: a row holds from valid_from_ms until valid_to_ms, NULL while it is present. told_by is the
-- source of the instance whose list it stands in, such as exchange/emea; 0: a list that is read here; less than 0: of that
-- source's file, which is not whole yet.
CREATE TABLE member (
    id               INTEGER NOT NULL PRIMARY KEY,
    workspace        TEXT    NOT NULL,
    person_id        INTEGER NOT NULL REFERENCES person (id),
    permission       TEXT    NOT NULL DEFAULT '',
    last_accessed_ms INTEGER,                     -- the newest value; its past is not kept
    valid_from_ms    INTEGER NOT NULL,
    valid_to_ms      INTEGER
    , told_by INTEGER NOT NULL DEFAULT 0) STRICT;
-- For inventory/list_members_of and report/list_members.
CREATE INDEX member_by_workspace ON member (workspace, valid_from_ms);

CREATE TABLE repository (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace     TEXT    NOT NULL,
    slug          TEXT    NOT NULL,
    uuid          TEXT    NOT NULL DEFAULT '',
    is_private    INTEGER NOT NULL DEFAULT 1,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
    , told_by INTEGER NOT NULL DEFAULT 0) STRICT;
-- For inventory/list_repositories_of and report/list_repositories.
CREATE INDEX repository_by_workspace ON repository (workspace, valid_from_ms);

-- Effective rights: the largest inventory, users times repositories, so its texts are interned in name.
CREATE TABLE repository_permission (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace_id  INTEGER NOT NULL REFERENCES name (id),
    repository_id INTEGER NOT NULL REFERENCES name (id),
    account_id    INTEGER NOT NULL REFERENCES name (id),
    permission    TEXT    NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
    , told_by INTEGER NOT NULL DEFAULT 0) STRICT;
-- For inventory/list_permissions_of, inventory/list_permissions_on and report/list_permissions.
CREATE INDEX repository_permission_by_place ON repository_permission (workspace_id, repository_id, valid_from_ms);

CREATE TABLE deploy_key (
    id            INTEGER NOT NULL PRIMARY KEY,
    workspace     TEXT    NOT NULL,
    repository    TEXT    NOT NULL,
    key_id        INTEGER NOT NULL,
    label         TEXT    NOT NULL DEFAULT '',
    created_ms    INTEGER,
    last_used_ms  INTEGER,                        -- the newest value; its past is not kept
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
    , told_by INTEGER NOT NULL DEFAULT 0) STRICT;
-- For inventory/list_deploy_keys_of and report/list_deploy_keys.
CREATE INDEX deploy_key_by_repository ON deploy_key (workspace, repository, valid_from_ms);

-- Tokens of the organisation's inventory; never a secret.
CREATE TABLE api_token (
    id             INTEGER NOT NULL PRIMARY KEY,
    organization   TEXT    NOT NULL,
    token_id       TEXT    NOT NULL,
    label          TEXT    NOT NULL DEFAULT '',
    status         TEXT    NOT NULL DEFAULT '',
    person_id      INTEGER NOT NULL REFERENCES person (id),
    created_ms     INTEGER,
    expires_ms     INTEGER,
    last_active_ms INTEGER,                       -- the newest value; its past is in token_use
    valid_from_ms  INTEGER NOT NULL,
    valid_to_ms    INTEGER
    , told_by INTEGER NOT NULL DEFAULT 0) STRICT;
-- For inventory/list_tokens_of, report/list_tokens and report/list_gone_tokens.
CREATE INDEX api_token_by_id ON api_token (organization, token_id, valid_from_ms);

-- The days on which a token was used, as far as the inventory was read: it tells the last use only.
CREATE TABLE token_use (
    organization TEXT    NOT NULL,
    token_id     TEXT    NOT NULL,
    day          INTEGER NOT NULL,
    told_by      INTEGER NOT NULL DEFAULT 0,
    last_ms      INTEGER NOT NULL,                -- the last use of that day that the inventory told
    PRIMARY KEY (organization, token_id, day, told_by)
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

-- Every user, client and origin that ever stood for an integration, in the order in which they were remembered last: an
-- integration goes by its last row.
CREATE TABLE integration_key (
    id                INTEGER NOT NULL PRIMARY KEY,
    integration       TEXT    NOT NULL,
    first_integration TEXT    NOT NULL,           -- what it stood for before that was taken in by another
    user              TEXT    NOT NULL,
    client            TEXT    NOT NULL,
    origin_kind       TEXT    NOT NULL,
    origin            TEXT    NOT NULL,
    remembered_ms     INTEGER NOT NULL,           -- for the first time
    UNIQUE (user, client, origin_kind, origin)
) STRICT;

-- Where each integration stood in the last judgement that was recorded.
CREATE TABLE integration_status (
    campaign    TEXT NOT NULL,
    integration TEXT NOT NULL,
    status      TEXT NOT NULL,
    PRIMARY KEY (campaign, integration)
) STRICT, WITHOUT ROWID;

-- Changes of status as they were recorded.
CREATE TABLE status_change (
    id          INTEGER NOT NULL PRIMARY KEY,
    day         INTEGER NOT NULL,
    campaign    TEXT    NOT NULL,
    integration TEXT    NOT NULL,
    from_status TEXT    NOT NULL DEFAULT '',
    to_status   TEXT    NOT NULL DEFAULT '',       -- empty: it is no more
    cause       TEXT    NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
-- No query asks by day any more. It costs little, and goes with the next migration of this table.
CREATE INDEX status_change_by_day ON status_change (day, integration);

-- The number remaining as it was reported on the day; late evidence does not change it.
CREATE TABLE reported_day (
    campaign  TEXT    NOT NULL,
    day       INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    -- People who were active, and of them those whom some source could see; NULL where that was unknown.
    active    INTEGER,
    observed  INTEGER,
    PRIMARY KEY (campaign, day)
) STRICT, WITHOUT ROWID;

-- The forecasts of the number remaining, as they were made on the day: for the end of some days ahead, the last of them
-- the last one before the removal. They are scored when their day has come.
CREATE TABLE forecast (
    campaign         TEXT    NOT NULL,
    day              INTEGER NOT NULL,
    target_day       INTEGER NOT NULL,
    p10              INTEGER NOT NULL,
    p50              INTEGER NOT NULL,
    p90              INTEGER NOT NULL,
    zero_probability REAL    NOT NULL,            -- that nothing remains at the end of that day
    PRIMARY KEY (campaign, day, target_day)
) STRICT, WITHOUT ROWID;

-- Who accepted or did what. The hash of each entry covers the entry before it (evidence::journal), and no statement changes
-- one that stands.
CREATE TABLE journal (
    sequence INTEGER NOT NULL PRIMARY KEY,           -- from 1, without gaps
    at_s     INTEGER NOT NULL,                       -- Unix seconds
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

-- What was accepted of each section of the configuration when a command last journalled it, in words without secrets.
CREATE TABLE accepted (
    section TEXT NOT NULL,
    key     TEXT NOT NULL,
    words   TEXT NOT NULL,
    PRIMARY KEY (section, key)
) STRICT, WITHOUT ROWID;

-- The events of the calendar as they were told last, so that a reader's program knows which of its copies is the newer one.
CREATE TABLE calendar_event (
    uid        TEXT    NOT NULL PRIMARY KEY,
    starts_ms  INTEGER NOT NULL,
    ends_ms    INTEGER NOT NULL,
    words      TEXT    NOT NULL,                  -- a hash of its texts
    sequence   INTEGER NOT NULL,                  -- how often its time has changed
    revised_ms INTEGER NOT NULL                   -- when anything of it changed last
) STRICT, WITHOUT ROWID;

-- Alarms that went out and whose end was not told yet.
CREATE TABLE alarm (
    kind     TEXT    NOT NULL,
    about    TEXT    NOT NULL,                    -- the source, the audience, the integration of a campaign
    since_ms INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (kind, about)
) STRICT, WITHOUT ROWID;

-- Which scheduled deliveries were prepared (mail) or made (everything else), each once.
CREATE TABLE occurrence (
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,               -- when it was due by the schedule
    done_ms       INTEGER,                        -- when it first reached somebody
    PRIMARY KEY (channel, audience, occurrence_ms)
) STRICT, WITHOUT ROWID;

-- What a scheduled report said, so that the next one can say what has changed since.
CREATE TABLE told (
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,
    campaign      TEXT    NOT NULL,
    told_ms       INTEGER NOT NULL,
    remaining     INTEGER NOT NULL,
    changes       INTEGER NOT NULL,               -- how many changes of status were recorded by then
    PRIMARY KEY (channel, audience, occurrence_ms, campaign)
) STRICT, WITHOUT ROWID;

-- The outbox: messages, and whom they still have to reach.
CREATE TABLE message (
    id            INTEGER NOT NULL PRIMARY KEY,
    channel       TEXT    NOT NULL,
    audience      TEXT    NOT NULL,
    occurrence_ms INTEGER NOT NULL,
    enqueued_ms   INTEGER NOT NULL,
    message_id    TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    late          INTEGER NOT NULL DEFAULT 0,
    body          BLOB    NOT NULL,               -- as it leaves; emptied when nobody waits for it any more
    FOREIGN KEY (channel, audience, occurrence_ms) REFERENCES occurrence
) STRICT;
-- For alarm/read_mail_state.
CREATE INDEX message_by_audience ON message (channel, audience, occurrence_ms);

CREATE TABLE recipient (
    id         INTEGER NOT NULL PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    address    TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'pending',   -- pending, sent, given_up, withdrawn (nobody is to get it any more)
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL,                     -- not before
    settled_ms INTEGER,                              -- when it was sent, given up or withdrawn
    failure    TEXT    NOT NULL DEFAULT ''           -- the last failure, or why it was withdrawn, in words
) STRICT;
-- For outbox/list_due_recipients and report/count_pending_recipients.
CREATE INDEX recipient_pending ON recipient (due_ms) WHERE state = 'pending';
-- For outbox/empty_settled_message.
CREATE INDEX recipient_of_message ON recipient (message_id);
-- For report/list_given_up.
CREATE INDEX recipient_unreached ON recipient (settled_ms) WHERE state IN ('given_up', 'withdrawn');

-- How many recipients each channel reached, and how many were given up: counted as it happens, since the outbox keeps every
-- message and this is asked several times a minute.
CREATE TABLE settled_total (
    channel  TEXT    NOT NULL PRIMARY KEY,
    sent     INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER recipient_is_settled AFTER UPDATE OF state ON recipient
WHEN old.state = 'pending' AND new.state <> 'pending' BEGIN
    INSERT INTO settled_total (channel, sent, given_up)
    SELECT channel, new.state = 'sent', new.state = 'given_up' FROM message WHERE id = new.message_id
    ON CONFLICT DO UPDATE SET sent = sent + excluded.sent, given_up = given_up + excluded.given_up;
END;
