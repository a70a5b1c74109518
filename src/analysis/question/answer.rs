//! The rows of an answer become day counts.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

use super::Question;
use crate::evidence::{
    Batch, Day, DayCount, Operation, Origin, Outcome, Track, UnknownValue, Verdict, WindowKind,
    redact::{self, MAX_NAME},
};

/// Columns of a row, as `sql/engines/question.sql` names them.
const COLUMNS: usize = 24;
/// How many different unknown values one answer lists; the rest is not named.
const MAX_UNKNOWN: usize = 100;
const MAX_PRODUCT: usize = 40;
/// Uses, and lines, that one row may stand for: thousands of times those of any group of an hour. More is taken as this, since
/// whoever can write a row could otherwise keep its slice from ever being counted.
const MAX_USES: u64 = 1 << 40;

/// A row that is none of the question's, by its number; what it says is not quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {0} of the answer is none that was asked for")]
pub struct Malformed(pub u64);

/// An answer that is being read: what came since [`Answer::take`], and what came in all.
pub struct Answer<'q> {
    question: &'q Question,
    slice: (i64, i64),
    tracks: Vec<Track>,
    ordinals: HashMap<Track, u32>,
    counts: Vec<DayCount>,
    rows: u64,
    /// Lines that the rows stand for, those that sign nobody in among them.
    lines: u64,
    unknown: BTreeMap<(&'static str, String), u64>,
}

impl<'q> Answer<'q> {
    pub(super) fn new(question: &'q Question, slice: (i64, i64)) -> Self {
        let (ordinals, unknown) = (HashMap::new(), BTreeMap::new());
        Self { question, slice, tracks: Vec::new(), ordinals, counts: Vec::new(), rows: 0, lines: 0, unknown }
    }

    /// Reads one row.
    ///
    /// # Errors
    /// A row of another shape, as an engine sends it that fails in the middle of its answer: nothing of the answer is good.
    pub fn read(&mut self, row: &[String]) -> Result<(), Malformed> {
        self.rows += 1;
        let malformed = Malformed(self.rows);
        let row: &[_; COLUMNS] = row.try_into().map_err(|_| malformed)?;
        self.count(row).ok_or(malformed)
    }

    /// Rows that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.counts.len()
    }

    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Takes what has come: tracks, counts, and the rules that verdicts point into.
    pub fn take(&mut self, source: &str) -> Batch {
        self.ordinals.clear();
        Batch {
            source: source.to_owned(),
            tracks: std::mem::take(&mut self.tracks),
            counts: std::mem::take(&mut self.counts),
            rules: self.question.rules.ids().map(str::to_owned).collect(),
            ..Batch::default()
        }
    }

    /// Values of all rows that nobody has explained.
    pub fn unknown(&self) -> Vec<UnknownValue> {
        let value = |((field, value), count): (&(&'static str, String), &u64)| UnknownValue {
            field,
            value: value.clone(),
            count: *count,
        };
        self.unknown.iter().map(value).collect()
    }

    fn count(&mut self, row: &[String; COLUMNS]) -> Option<()> {
        let [authentication, day, lines, uses, first, last, hours, rest @ ..] = row;
        let [rule, outcome, operation, window, username, email, account_id, client, origin, rest @ ..] = rest;
        let [host, workspace, repository, token_id, token_label, secret_id, unknown_agent, auth_type] = rest;
        let lines = sum(lines)?;
        self.lines = self.lines.saturating_add(lines);
        self.note("user_agent", unknown_agent, MAX_PRODUCT, lines);
        if !self.question.rules.knows_auth_type(auth_type) {
            self.note("auth_type", auth_type, MAX_NAME, lines);
        }
        if authentication == "0" {
            return Some(());
        }
        let day = Day(day.parse().ok()?);
        let (first_ms, last_ms): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        let inside = self.slice.0 <= first_ms && first_ms < self.slice.1 && Day::of_ms(first_ms) == day && last_ms < day.end_ms();
        let number: u16 = rule.parse().ok()?;
        let rule = self.question.rules.iter().nth(usize::from(number)).filter(|_| inside && first_ms <= last_ms)?;
        let verdict = Verdict {
            credential: rule.credential,
            grade: rule.grade,
            outcome: Outcome::parse(outcome)?,
            operation: Operation::parse(operation)?,
            window: WindowKind::parse(window)?,
            rule: number,
            authentication: true,
        };
        let label = |text: &String| redact::free_text(Cow::Borrowed(text), MAX_NAME).map(Cow::into_owned);
        let identifier = |text: &String| redact::identifier(Cow::Borrowed(text), MAX_NAME).map(Cow::into_owned);
        let track = Track {
            username: redact::username(username).map(Cow::into_owned),
            email: redact::username(email).map(Cow::into_owned),
            account_id: identifier(account_id),
            display_name: None,
            client: identifier(client),
            origin: self.origin(origin)?,
            host: label(host),
            workspace: label(workspace),
            repository: label(repository),
            token_id: identifier(token_id),
            token_label: label(token_label),
            secret_id: identifier(secret_id),
        };
        let uses = sum(uses)?;
        let hours = hours.parse().ok()?;
        let track = self.ordinal(track);
        self.counts.push(DayCount { track, day, verdict, uses, first_ms, last_ms, hours });
        Some(())
    }

    fn ordinal(&mut self, track: Track) -> u32 {
        let next = u32::try_from(self.tracks.len()).unwrap_or(u32::MAX);
        *self.ordinals.entry(track).or_insert_with_key(|track| {
            self.tracks.push(track.clone());
            next
        })
    }

    fn note(&mut self, field: &'static str, value: &str, max: usize, lines: u64) {
        let known = |unknown: &BTreeMap<_, _>, value: &String| unknown.contains_key(&(field, value.clone()));
        let Some(value) = redact::free_text(Cow::Borrowed(value), max).map(Cow::into_owned) else { return };
        if self.unknown.len() < MAX_UNKNOWN || known(&self.unknown, &value) {
            let known = self.unknown.entry((field, value)).or_default();
            *known = known.saturating_add(lines);
        }
    }

    /// A letter for the kind, and what goes with it: the number of a named network, a job, the digits of an address.
    fn origin(&self, text: &str) -> Option<Origin> {
        let (kind, rest) = text.split_at_checked(1)?;
        let label = || redact::free_text(Cow::Borrowed(rest), MAX_NAME).map(Cow::into_owned);
        Some(match kind {
            "n" => Origin::Network(self.question.networks.get(rest.parse::<usize>().ok()?)?.clone()),
            "j" => label().map_or(Origin::Unknown, Origin::Job),
            "r" => Origin::Roaming,
            "a" => Origin::Address(neighbourhood(rest)?),
            "l" => label().map_or(Origin::Unknown, Origin::TokenLabel),
            "u" => Origin::Unknown,
            _ => return None,
        })
    }
}

/// A sum, which may be larger than any number here.
fn sum(digits: &str) -> Option<u64> {
    let is_one = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_one.then(|| digits.parse().map_or(MAX_USES, |sum: u64| sum.min(MAX_USES)))
}

/// The IPv4 /24 of six digits, or the IPv6 /48 of twelve.
fn neighbourhood(digits: &str) -> Option<IpNet> {
    let number = u128::from_str_radix(digits, 16).ok()?;
    let (address, length) = match digits.len() {
        6 => (IpAddr::V4(Ipv4Addr::from(u32::try_from(number).ok()? << 8)), 24),
        12 => (IpAddr::V6(Ipv6Addr::from(number << 80)), 48),
        _ => return None,
    };
    IpNet::new(address, length).ok()
}
