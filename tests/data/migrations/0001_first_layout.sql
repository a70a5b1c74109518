INSERT INTO source (id, name, items, last_success_ms, last_failure_ms, failure, warning, maximum_grade) VALUES
    (1, 'audit/acme', 700, 1783058400000, NULL, '', 'no action of Bitbucket', ''),
    (2, 'log/egress', 90000, 1783058400000, 1783000000000, 'permission denied', '', ''),
    (3, 'intake/jenkins', 12, 1783058400000, NULL, '', '', 'strong');
INSERT INTO cursor (source_id, key, value) VALUES (1, 'next', 'eyJvIjo1fQ'), (2, 'file:6fb1', '81920');
INSERT INTO seen_item (source_id, minute, hash, claimed_day) VALUES (1, 29717640, -8093412075411238112, 20637);
INSERT INTO name (id, text) VALUES (1, 'mtessel'), (2, 'git-cli'), (3, 'acme'), (4, 'payments-api'), (5, 'build-farm'), (6, '557058:1b2c');
INSERT INTO track (id, source_id, username_id, client_id, origin_kind, origin_id, workspace_id, repository_id) VALUES
    (1, 2, 1, 2, 'n', 5, 3, 4);
INSERT INTO verdict (id, credential, grade, outcome, operation, brownout, rule, authentication) VALUES
    (1, 'app_password', 'weak', 'accepted', 'git_read', 'outside', 'basic-nickname-git', 1);
INSERT INTO day_count (day, track_id, verdict_id, uses, first_ms, last_ms, hours) VALUES
    (20637, 1, 1, 42, 1783036800000, 1783058400000, 65);
INSERT INTO chunk (id, source_id, recorded_ms, items, first_ms, last_ms, bytes) VALUES
    (1, 2, 1783058400000, 42, 1783036800000, 1783058400000, x'28B52FFD');
INSERT INTO chunk_track (day, track_id, chunk_id, ordinal, uses) VALUES (20637, 1, 1, 0, 42);
INSERT INTO coverage (source_id, from_ms, to_ms, state, items, skipped, reason) VALUES
    (2, 1783036800000, 1783058400000, 'covered', 42, 0, '');
INSERT INTO skipped (source_id, reason, total, sample) VALUES (2, 'other host', 9000, 'GET github.com');
INSERT INTO unknown_value (field, value, total, first_day, last_day) VALUES ('auth_type', 'quantum', 3, 20600, 20637);
INSERT INTO authentication_total (workspace, credential, outcome, grade, uses) VALUES
    ('acme', 'app_password', 'accepted', 'weak', 42);
INSERT INTO request_total (source_id, status_class, requests) VALUES (1, '2xx', 7);
INSERT INTO person (id, account_id, uuid, nickname, display_name, email) VALUES
    (1, '557058:1b2c', '{9d1f}', 'mtessel', 'Maria Tessel', 'maria@example.test');
INSERT INTO member (workspace, person_id, permission, last_accessed_ms, valid_from_ms, valid_to_ms) VALUES
    ('acme', 1, 'member', 1783000000000, 1782000000000, 1783000000000),
    ('acme', 1, 'owner', 1783058400000, 1783000000000, NULL);
INSERT INTO repository (workspace, slug, uuid, is_private, valid_from_ms) VALUES
    ('acme', 'payments-api', '{77aa}', 1, 1782000000000);
INSERT INTO repository_permission (workspace_id, repository_id, account_id, permission, valid_from_ms) VALUES
    (3, 4, 6, 'admin', 1782000000000);
INSERT INTO deploy_key (workspace, repository, key_id, label, created_ms, last_used_ms, valid_from_ms) VALUES
    ('acme', 'payments-api', 9, 'ci', 1700000000000, NULL, 1782000000000);
INSERT INTO api_token (organization, token_id, label, status, person_id, created_ms, expires_ms, last_active_ms, valid_from_ms) VALUES
    ('acme', 't-1', 'jenkins', 'ACTIVE', 1, 1770000000000, 1790000000000, NULL, 1782000000000);
INSERT INTO token_use (organization, token_id, day, last_ms) VALUES ('acme', 't-1', 20636, 1782993600000);
INSERT INTO registered_credential (register, kind, label, location, owner, expires_ms) VALUES
    ('credentials.csv', 'access_token', 'mirror', 'vault', 'payments', 1790000000000);
INSERT INTO directory_entry (register, line, account_id, nickname, display_name, email, team) VALUES
    ('people.csv', 2, '557058:1b2c', 'mtessel', 'Maria Tessel', 'maria@example.test', 'payments');
INSERT INTO integration_key (integration, first_integration, user, client, origin_kind, origin, remembered_ms) VALUES
    ('k7m2qd4x', 'k7m2qd4x', 'name:mtessel', 'git-cli', 'n', 'build-farm', 1782000000000);
INSERT INTO integration_status (campaign, integration, status) VALUES ('bitbucket-app-passwords', 'k7m2qd4x', 'active');
INSERT INTO status_change (day, campaign, integration, from_status, to_status, cause, reason) VALUES
    (20630, 'bitbucket-app-passwords', 'k7m2qd4x', '', 'active', 'discovered', 'first seen on 2026-06-26');
INSERT INTO reported_day (campaign, day, remaining, active, observed) VALUES ('bitbucket-app-passwords', 20636, 37, 80, 61);
INSERT INTO forecast (campaign, day, target_day, p10, p50, p90, zero_probability)
VALUES ('bitbucket-app-passwords', 20636, 20661, 12, 18, 25, 0.0);
INSERT INTO occurrence (channel, audience, occurrence_ms, done_ms) VALUES ('mail', 'security', 1783058400000, NULL);
INSERT INTO message (id, channel, audience, occurrence_ms, enqueued_ms, message_id, subject, late, body) VALUES
    (1, 'mail', 'security', 1783058400000, 1783058400000, '<1@duskwatch>', '37 integrations', 0, x'46726F6D');
INSERT INTO recipient (message_id, address, state, attempts, due_ms, settled_ms, failure) VALUES
    (1, 'security@example.test', 'pending', 1, 1783058460000, NULL, 'connection refused');
INSERT INTO journal (sequence, at_s, actor, action, detail, hash) VALUES
    (1, 1783058400, 'mtessel (duskwatch run)', 'owners', 'first accepted: payments (lead time 45 d)', 'c0ffee');
INSERT INTO accepted (section, key, words) VALUES ('owners', 'payments', 'lead time 45 d');
INSERT INTO ruling (fingerprint, items) VALUES ('5eed', 42);
INSERT INTO reclassification (id, fingerprint, done_chunk, items) VALUES (1, '5eed', 1, 42);
INSERT INTO day_count_next (day, track_id, verdict_id, uses, first_ms, last_ms, hours) VALUES
    (20637, 1, 1, 42, 1783036800000, 1783058400000, 1);
INSERT INTO chunk_track_next (day, track_id, chunk_id, ordinal, uses) VALUES (20637, 1, 1, 0, 42);
INSERT INTO kept_day (day, source_id, uses) VALUES (20637, 2, 42);
INSERT INTO retention (id, raw_from_day, pruned_ms) VALUES (1, 20000, 1783058400000);
INSERT INTO calendar_event (uid, starts_ms, ends_ms, words, sequence, revised_ms) VALUES
    ('removal.bitbucket-app-passwords@duskwatch', 1785196800000, 1785196800000, 'c0ffee', 1, 1783058400000);
INSERT INTO alarm (kind, about, since_ms, reason) VALUES ('source_down', 'audit/acme', 1783058400000, '401');
