//! duskwatch tells an organisation who still signs in to Bitbucket Cloud with an app password, what breaks when app
//! passwords go, who has to move, and whether it will be done in time.
//!
//! # The flow
//!
//! ```text
//! HTTP page, block of log lines, or pushed lines (bytes)
//!   │ source::audit, evidence::format::parse_block    tolerant: (sightings, skipped)
//!   │ analysis::Classifier        one sighting at a time: client, origin, credential, grade, outcome
//!   │ analysis::Fold              sightings of one page become day counts and one compressed chunk
//!   ▼
//! evidence::Batch ── store.write(|w| w.record(..))   ONE transaction: counts, chunk, coverage, cursor
//!   ▼
//! evidence::{History, Roster, Ledger} ── analysis::assess ── Findings ── report::build ── Report
//!                                                                       ├─ text, html, chart, notice, alarm → mail
//!                                                                       ├─ html, json, csv, calendar → page, files
//!                                                                       ├─ event, changes → webhooks, OpenTelemetry logs
//!                                                                       └─ figures → OpenTelemetry metrics, Prometheus
//! ```
//!
//! # The rooms
//!
//! | room | owns | hides |
//! |---|---|---|
//! | [`evidence`] | the words of the domain, file formats | how kinds are spelt in storage, how secrets are dropped |
//! | [`analysis`] | every judgement | thresholds, weights, models |
//! | [`report`] | the document | markup, escaping, number formats, pseudonyms |
//! | [`source`] | remote parties, engines, log files and files of other instances | paging, authentication, request budgets, wire formats, retries |
//! | [`store`] | the database file | schema, pragmas, the one-writer rule, migrations, how a copy is made and a row erased |
//! | [`deliver`] | recipients | SMTP, atomic files, OpenTelemetry, signatures of webhooks |
//! | [`serve`] | callers of the page, senders of evidence | HTTP, TLS, authentication, limits, back-pressure |
//! | [`daemon`] | order and time | schedule, pacing, retries, what is an alarm, renewal, shutdown |
//! | [`config`] | the file | TOML, where secrets come from, the nearest valid spelling |
//! | [`cli`] | the commands | arguments, exit statuses, the terminal |
//! | [`simulator`] | a world whose truth is known | how a believable organisation behaves |
//!
//! The roster is what the inventories say: members, rights, repositories, deploy keys and tokens of the APIs, and the
//! registers that were imported. Lists replace it, with its past; it is no evidence of a sign-in.
//!
//! Imports point inward: `evidence` ← `analysis` ← `report` are pure and see only what is to their left; `source`,
//! `store`, `deliver` and `serve` may import any pure room and never each other; `daemon` may import every room;
//! `config` fills in `daemon`'s `Options` and asks the rooms whether a value is good; only `cli` imports `daemon`'s engine
//! and `simulator`; `simulator` imports only `evidence`. How `source` and `deliver` reach the outside stands in [`network`], and
//! whom they trust there in [`tls`].
//!
//! # Invariants
//!
//! Each with the tests that guard it.
//!
//! 1. `evidence`, `analysis` and `report` do no I/O, are synchronous (threads that they start end before they return), and read
//!    neither clock, environment nor randomness.
//!    (`every_import_points_inward`, `banned_code_stands_nowhere`)
//! 2. Renderers format; they never compute.
//!    (`the_same_input_gives_the_same_bytes`, `the_json_report_is_the_document`)
//! 3. Wire types never leave their file.
//!    (`what_is_read_from_the_wire_is_public_nowhere`)
//! 4. There is no SQL statement in `.rs` files.
//!    (`no_sql_stands_in_rust_files`)
//! 5. Evidence and its cursor commit together; recording a page twice changes nothing.
//!    (`a_failed_write_leaves_nothing_behind_in_the_file_or_in_memory`, `a_page_that_comes_twice_counts_once`)
//! 6. There is one writer, and no transaction spans an await.
//!    (`a_second_holder_is_refused_and_told_who_holds_the_store`, `a_reader_beside_a_writer_sees_what_was_committed_and_cannot_write`)
//! 7. Unknown upstream data is counted, sampled and reported; it never stops a poll of something else.
//!    (`what_is_not_kept_is_counted_and_new_values_are_listed`, `a_source_out_of_reach_ends_with_75_and_the_others_are_read`)
//! 8. A secret, whole or hashed, is in no file, row, log line, error or `Debug` output.
//!    (`no_secret_of_any_kind_survives_any_door`, `no_secret_reaches_the_store_or_any_output`)
//! 9. An applied migration is never edited.
//!    (`an_applied_migration_is_as_it_was`, `the_schema_for_readers_is_what_the_migrations_make`)
//! 10. Every loop, page walk, queue, body and retry has a limit.
//!     (`a_walk_that_comes_back_to_where_it_was_is_stopped`, `a_body_without_end_is_cut_off`)
//! 11. A message is recorded before it leaves, under an id that stays: one that cannot be recorded is not sent. The one
//!     exception is the alarm that the store fails.
//!     (`what_cannot_be_recorded_is_not_sent`)
//! 12. Under pseudonyms the inputs of the report are rewritten before it is built: no renderer is given a human's name.
//!     (`no_output_names_a_human_and_machines_keep_their_names`)
//! 13. Day counts outlive what they were counted from: neither pruning nor an erasure changes how many uses there were.
//!     (`what_is_too_old_goes_with_its_space_and_no_report_changes`, `no_byte_names_the_person_and_no_count_is_lost`)
//! 14. Pruning, erasing and judging anew go in short transactions, and may end between any two of them: the next attempt goes
//!     on there.
//!     (`a_pruning_that_is_killed_anywhere_leaves_a_sound_store_and_is_ended_by_the_next`)
//!
//! # Glossary
//!
//! - **sighting**: one recorded fact as it was read: who, when, from where, with which client, on which repository.
//! - **track**: everything about a sighting that repeats (who, client, origin, repository, source), interned once.
//! - **verdict**: what the rules say of one sighting: credential, grade, outcome, operation, and the rule's id.
//! - **day count**: how often a track was seen with one verdict on one UTC day, in which hours, with the first and last instant.
//! - **lift**: a better grade, or a credential, that a piece of evidence gets from the history of its integration or its secret.
//! - **reclassify**: to judge anew what is kept, by the rules, catalogue, networks and dates of today.
//! - **journal**: what was accepted of the configuration and done for the record, each entry hashed with the one before.
//! - **chunk**: the sightings of one page or file batch, projected, encoded and compressed; kept for better rules.
//! - **integration**: user + client + origin, the unit that somebody has to migrate.
//! - **campaign**: the retirement of something: legacy and replacement credentials, freeze, brownouts, removal.
//! - **digest**, **brief**, **notice**: the mails to the audiences: security, leadership, and one owner, who gets the own rows.
//! - **steps**: what a person does to move one client, in the order of doing it, with the commands that prove it.
//! - **alarm**: what somebody has to know before the next digest (an integration is back, a source is down, a report does not
//!   arrive, the store fails): told once when it begins, and once when it is over.
//! - **webhook**: a program that is told of each change of status and each alarm; such a message is an **event**.
//! - **outbox**: what is to leave, by channel (mail, webhook, otlp) and recipient, until it was taken or given up.
//! - **retention**: how long what was read is kept, and the ids by which a repeat is recognised; **pruning** removes the rest.
//! - **pseudonym**: the stable name of a human where people are not to be named; machines are shown as they are.
//! - **erasure**: a person is taken out of all that is stored; what was counted of them stays, under a name that leads back to
//!   nobody.
//! - **coverage**: which intervals of which source were seen, and which were not.
//! - **lane**: one of the two walks over the audit stream: the steady one follows what is new, the older one reads, slice by
//!   slice, what the coverage shows unseen.
//! - **slice**: the time of one question to an engine that keeps a log itself: whole hours of one day, asked again when nothing
//!   comes late any more; its answer then takes the place of the earlier one.
//! - **instance**: a duskwatch with a store of its own; **exchange**: what one has counted goes to another, which reports for both,
//!   in signed files. Of each of its days the file that was written last counts.
//! - **sender**: somebody who pushes evidence; **register**: a table of credentials or people that was imported.
//! - **trouble**: something of the service that fails; said when it begins, hourly, and when it is over.
//! - **renewal**: taking up a new configuration and new secrets while the service runs.
//! - **pulse**: that the service turns; it feeds `/healthz` and the **watchdog** of the service manager.
//! - **remaining**: integrations that are active, failing, migrating or quiet.
//! - **rhythm**: the contract's period beside a finer model: how an integration works, when it is expected next.
//! - **exposure**: the uses that are expected inside coming brownouts, and by hour once the legacy credential is removed.
//! - **observed**: of the people who work in a workspace, those whom a source that can show credentials has seen.
//! - **forecast**: how many integrations are expected to remain at the removal, with its doubt, and how earlier ones did.

pub mod analysis;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod evidence;
pub mod network;
pub mod report;
pub mod serve;
pub mod simulator;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod tls;
