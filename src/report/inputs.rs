//! Everything a report is made of: the judgement, and what the service knows of itself.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::privacy::People;
use crate::{
    analysis::{Change, Findings, Policy, Recorded, ReportedDay},
    evidence::{ClientCatalogue, Credential, Expiry, Grade, Ledger, Outcome, UnknownTotal, journal::JournalEntry},
};

/// The report's only argument. `now` is [`Findings::now`].
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub findings: &'a Findings,
    pub policy: &'a Policy,
    /// The campaigns of expiry; those of use are among the findings.
    pub expiries: &'a [Expiry],
    pub clients: &'a ClientCatalogue,
    pub ledger: &'a Ledger,
    /// Every change ever recorded, in the order in which it was recorded.
    pub changes: &'a [Change],
    /// What was reported on the day, by campaign id; sorted by day.
    pub reported: &'a BTreeMap<String, Vec<ReportedDay>>,
    /// Every forecast as it was recorded, by campaign id; sorted by day, then the day that it is for.
    pub forecasts: &'a BTreeMap<String, Vec<Recorded>>,
    /// The last digest that was really sent; none for the first.
    pub previous: Option<&'a Previous>,
    /// The report is of a day that is over: what was recorded on it stands, and nothing is forecast for it anew.
    pub looking_back: bool,
    /// Set when this report replaces ones that were due earlier.
    pub late: Option<Late>,
    /// What was given up since the last digest was sent, the newest first.
    pub undelivered: &'a [Undelivered],
    /// The parts of the service that fail.
    pub failing: &'a [FailingPart],
    /// Every configured source, in the order of the configuration.
    pub sources: &'a [SourceLine],
    pub unknown: &'a [UnknownTotal],
    pub own_credentials: &'a [OwnCredential],
    pub blind_spots: &'a [BlindSpot],
    pub organizations: &'a [Organization],
    /// The reader's time zone.
    pub timezone: &'a TimeZone,
    /// So many of the highest ranks are single series of the metrics.
    pub top: u32,
    /// The oldest first.
    pub journal: &'a [JournalEntry],
    /// Kept items that were judged by other rules than the present ones.
    pub judged_otherwise: u64,
    /// What the calendar told of its events so far, by their UIDs.
    pub told_events: &'a BTreeMap<String, ToldEvent>,
    /// So many of the changes, the last ones, were found with this judgement.
    pub fresh: usize,
    /// What makes pseudonyms of people; none: they are shown by name.
    pub people: Option<People<'a>>,
}

/// An event of the calendar as it was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldEvent {
    pub starts: Timestamp,
    pub ends: Timestamp,
    /// A hash of its texts.
    pub words: String,
    /// How often its time has changed.
    pub sequence: u32,
    /// When anything of it changed last.
    pub revised: Timestamp,
}

/// What the last digest said, and how much had been recorded by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    pub sent_at: Timestamp,
    /// The remaining number it gave, by campaign id.
    pub remaining: BTreeMap<String, u32>,
    /// How many changes had been recorded: those after it are new to the reader.
    pub changes: usize,
}

/// Several missed reports become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema, serde::Serialize)]
pub struct Late {
    /// When the first of them was due.
    pub due: Timestamp,
    pub missed: u32,
}

/// How one source is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceLine {
    /// As in the contract: `audit/acme`, `log/egress`.
    pub name: String,
    pub last_success: Option<Timestamp>,
    /// When it failed last, and what to do about it.
    pub last_failure: Option<(Timestamp, String)>,
    pub items: u64,
    /// Items that were not kept, by reason.
    pub skipped: Vec<SkippedLine>,
    /// Requests made, by class of status (`2xx`, `429`, `5xx`, `error`).
    pub requests: Vec<(String, u64)>,
    /// The share of the request budget in use, 0 to 1; none for sources without one.
    pub budget_used: Option<f64>,
    /// What a reader should know though nothing failed; empty is nothing.
    pub warning: String,
    /// Items of the last 30 days of what is beyond the limits of how much a source may name.
    pub nameless: u64,
    /// How old its newest look may be while it is read as it should; none where nobody says how often there is one.
    pub fresh_for: Option<Duration>,
    /// It was read once, and is not configured any more.
    pub removed: bool,
}

impl SourceLine {
    /// When the last round failed, and what to do about it: what failed before a success is over.
    pub fn failed_last(&self) -> Option<&(Timestamp, String)> {
        self.last_failure.as_ref().filter(|(at, _)| self.last_success.is_none_or(|success| *at > success))
    }
}

/// A part of the service that fails, and is no source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingPart {
    /// As `/readyz` names it: `csv/security`, `otel`, `configuration`.
    pub part: String,
    pub since: Timestamp,
    pub reason: String,
}

/// Items that were not kept for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedLine {
    pub reason: String,
    pub count: u64,
    /// One of them, without secrets.
    pub sample: String,
}

/// A secret of our own, by the name of the key that holds it; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCredential {
    /// `organization.acme.api_key`.
    pub name: String,
    pub kind: Credential,
    pub expires: Option<Date>,
}

/// What no source can see, declared by the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindSpot {
    pub name: String,
    pub reason: String,
}

/// An organisation and its configured workspaces; they bound the attributes of the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    pub name: String,
    pub workspaces: Vec<String>,
}

/// Figures that the service counts about its own work.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Since the store began, as classified when recorded.
    pub authentications: Vec<AuthenticationTotal>,
    pub deliveries: Vec<DeliveryTotal>,
    pub outbox_pending: u64,
    pub store_bytes: u64,
    /// None where the file system does not say.
    pub free_bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationTotal {
    pub workspace: String,
    pub credential: Credential,
    pub outcome: Outcome,
    pub grade: Grade,
    pub uses: u64,
}

/// A message that did not reach one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    pub channel: String,
    pub audience: String,
    pub due: Timestamp,
    /// The last failure in words, without addresses.
    pub failure: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryTotal {
    /// `mail`, `csv`, and whatever else leaves by the outbox.
    pub channel: String,
    /// `sent`, `failed`.
    pub outcome: &'static str,
    pub count: u64,
}
