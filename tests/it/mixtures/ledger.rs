//! What the ledger says when everything works again: what it says on a calm day, but for what nobody could reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use duskwatch::evidence::{Coverage, CoverageState};
use jiff::Timestamp;

use super::{
    files::Files,
    truth::{Item, Truth},
};
use crate::support::picture::Picture;

pub const AUDIT: &str = "audit/acme";
/// Atlassian keeps events so long, and a first look goes back so far.
const KEPT_HOURS: i64 = 180 * 24;
const MS_PER_HOUR: i64 = 3_600_000;

/// When a site looked, in milliseconds, and what was in its way.
#[derive(Debug, Default)]
pub struct Looks {
    all: BTreeSet<i64>,
    /// The servers had faults.
    disturbed: BTreeSet<i64>,
    /// They did not end.
    killed: BTreeSet<i64>,
    /// The stream was not read to its end.
    stopped: BTreeSet<i64>,
    /// The store took nothing of what they read.
    refused: BTreeSet<i64>,
    /// A compressed file of that log was there by half.
    half: BTreeMap<&'static str, BTreeSet<i64>>,
    /// What was said of this time by a clock that was ahead is in doubt.
    doubted: Vec<Range<i64>>,
}

impl Looks {
    pub fn note(&mut self, now: Timestamp, disturbed: bool, files: &Files) {
        let now_ms = now.as_millisecond();
        self.all.insert(now_ms);
        if disturbed {
            self.disturbed.insert(now_ms);
        }
        if let Some(log) = files.half_compressed() {
            self.half.entry(log).or_default().insert(now_ms);
        }
    }

    pub fn note_killed(&mut self, now: Timestamp) {
        self.killed.insert(now.as_millisecond());
    }

    pub fn note_stopped(&mut self, now: Timestamp) {
        self.stopped.insert(now.as_millisecond());
    }

    pub fn note_refused(&mut self, now: Timestamp) {
        self.refused.insert(now.as_millisecond());
    }

    /// Whether the servers had faults in a look.
    pub fn is_disturbed(&self, now: Timestamp) -> bool {
        self.disturbed.contains(&now.as_millisecond())
    }

    /// The clock is right again, and was ahead until an instant.
    pub fn doubt(&mut self, until: Timestamp, now: Timestamp) {
        let (until_ms, now_ms) = (until.as_millisecond(), now.as_millisecond());
        self.doubted.push(now_ms - (until_ms - now_ms) - 2..until_ms + 2);
    }

    /// Whether an instant is no further than so much from time of which a wrong clock spoke.
    pub fn is_in_doubt(&self, ms: i64, beside_ms: i64) -> bool {
        self.doubted.iter().any(|doubted| (doubted.start - beside_ms..doubted.end + beside_ms).contains(&ms))
    }

    /// What a wrong clock said ends in doubt: it begins there too, or a look there had something in its way and what it told
    /// is said up to where the doubt begins.
    fn is_doubted(&self, said: &Coverage, in_the_way: &BTreeSet<i64>) -> bool {
        let explains = |doubted: &Range<i64>| {
            doubted.contains(&said.to_ms)
                && (doubted.contains(&said.from_ms) || in_the_way.range(doubted.clone()).next().is_some())
        };
        self.doubted.iter().any(explains)
    }
}

/// How many items were there, and how many of them in time that the ledger calls covered, by source: so many were looked for.
#[derive(Clone, Debug, Default)]
pub struct Checked(BTreeMap<String, (u64, u64)>);

impl Checked {
    pub fn note(&mut self, (source, ..): &Item, covered: bool) {
        let (there, checked) = self.0.entry(source.clone()).or_default();
        *there += 1;
        *checked += u64::from(covered);
    }

    pub fn add(&mut self, other: Self) {
        for (source, (there, checked)) in other.0 {
            let sum = self.0.entry(source).or_default();
            *sum = (sum.0 + there, sum.1 + checked);
        }
    }

    /// A ledger that claims nothing would let everything pass: of each source this part was looked for.
    #[track_caller]
    pub fn assert_many(&self, part: u64) {
        assert!(self.0.len() > 5, "{self:?}");
        for (source, (there, checked)) in &self.0 {
            assert!(checked * part >= *there, "of {source} {checked} of {there} were in covered time: {self:?}");
        }
    }
}

/// Everything that could be reached is covered, up to now, and what is not says why. `now` is of the last look, in which
/// nothing was wrong.
pub fn assert_closed(truth: &Truth, picture: &Picture, looks: &Looks, now: Timestamp) {
    for (source, calm) in &truth.coverage {
        let found = picture.coverage.get(source).unwrap_or_else(|| panic!("nobody ever looked at {source}"));
        let tells = || format!("{source}: {found:#?}");
        let (calm, newest) = (calm.last().unwrap(), found.last().unwrap());
        assert_eq!((newest.state, &newest.reason), (calm.state, &calm.reason), "{}", tells());
        let is_list = source.starts_with("access/") || source.starts_with("tokens/");
        assert_eq!(newest.to_ms, now.as_millisecond() + i64::from(is_list), "{}", tells());
        // Before a log's first line there is nothing to look at, and how a list stood before it was read nobody learns.
        let begins = |it: &Coverage| if is_list { it.state.looked() } else { it.to_ms > calm.from_ms };
        let found = &found[found.iter().position(begins).unwrap()..];
        assert!(found.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms), "{}", tells());
        match source.strip_prefix("log/") {
            Some(log) => assert_log(log, found, calm.from_ms, looks),
            None if source == AUDIT => assert_stream(found, truth, looks),
            None => assert_list(found, calm, looks),
        }
    }
}

/// All that Atlassian kept at some look is covered: gaps are read later.
fn assert_stream(found: &[Coverage], truth: &Truth, looks: &Looks) {
    assert_eq!(found.len(), 1, "{found:#?}");
    let first = found[0].from_ms;
    let kept_since = |look: &i64| look - KEPT_HOURS * MS_PER_HOUR;
    let begun = looks.all.iter().any(|look| first == kept_since(look));
    let in_part = [&looks.killed, &looks.refused, &looks.disturbed];
    let whole = |look: &&i64| in_part.iter().all(|looks| !looks.contains(look));
    let first_whole = looks.all.iter().find(whole).expect("nothing disturbs the last looks");
    assert!(first <= kept_since(first_whole), "{looks:?} {found:#?}");
    // A look that was killed, or stopped, may have left its oldest part to a later one, at which it was kept no more.
    let left = [&looks.killed, &looks.stopped].iter().any(|looks| looks.first().is_some_and(|look| look < first_whole));
    assert!(begun || left && looks.all.first().is_some_and(|look| kept_since(look) < first), "{looks:?} {found:#?}");
    assert!(truth.processed.values().all(|processed| first <= *processed), "{found:#?}");
}

/// From the first line on all is covered. What a file that was there by half would have shown stays missed.
fn assert_log(log: &str, found: &[Coverage], first_line_ms: i64, looks: &Looks) {
    let none = BTreeSet::new();
    let halves = looks.half.get(log).unwrap_or(&none);
    let tells = || format!("{log}: {found:#?}, half compressed at {halves:?}");
    for gap in found.iter().filter(|it| it.state != CoverageState::Covered) {
        assert_eq!(gap.state, CoverageState::Missed, "{}", tells());
        // A look that was killed is said to be so by the next, unless that one finds nothing at all and says so.
        assert!(
            [".gz: incomplete", "no file matches", "in a look that did not end"].iter().any(|why| gap.reason.contains(why)),
            "{}",
            tells()
        );
        // Gaps that follow each other are one, lost in the last of their looks.
        let goes_on = found.iter().any(|next| next.state == CoverageState::Missed && next.from_ms == gap.to_ms);
        assert!(goes_on || halves.contains(&gap.to_ms) || looks.is_doubted(gap, halves), "{}", tells());
    }
    let begins = found[0].from_ms;
    assert!(begins <= first_line_ms || !halves.is_empty(), "since {first_line_ms}: {}", tells());
}

/// From the first look on it is known how the list stood, whole but for looks at which the servers had faults.
fn assert_list(found: &[Coverage], calm: &Coverage, looks: &Looks) {
    let usual = |it: &Coverage| it.state == calm.state && it.reason == calm.reason;
    for odd in found.iter().filter(|it| !usual(it)) {
        // Another look at the same instant may have seen it whole.
        let disturbed = [odd.to_ms - 1, odd.to_ms].iter().any(|ms| looks.disturbed.contains(ms));
        let explained = disturbed || looks.is_doubted(odd, &looks.disturbed);
        assert!(explained, "{found:#?} with faults at {:?}", looks.disturbed);
    }
    assert!(found.iter().all(|it| it.state.looked()), "{found:#?}");
    assert!(looks.all.contains(&found[0].from_ms), "{found:#?}");
}
