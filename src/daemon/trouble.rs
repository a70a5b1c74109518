//! What keeps failing. A failure is said when it begins, when it becomes another one, every hour while it lasts, and when it
//! is over; a round every few seconds must not fill the log with one fact.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::schedule::interval_due;

/// A failure that lasts is said again after this long.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// A failure whose words change is said again after this long: seconds to wait change with every round.
const CHANGE_SAID_AFTER: Duration = Duration::from_secs(5 * 60);

/// A part that the store failed and that has not come again since, as a sender may not, is waited for no longer than this.
const WAITED_FOR: Duration = Duration::from_secs(3_600);

/// The name under which trouble with the store is told.
pub(super) const STORE: &str = "store";

/// What fails, by the name of a source or of a part of the service.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    open: BTreeMap<String, Trouble>,
    /// The parts that the store failed when they last used it, and when.
    without_store: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Trouble {
    since: Timestamp,
    why: String,
    /// The words that were said last, which those of now are compared with.
    said: String,
    said_at: Timestamp,
    /// Somebody has to act: trying again does not help.
    ours: bool,
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Begun,
    Still { since: Timestamp },
    Over { since: Timestamp },
}

impl Troubles {
    /// Something failed; `ours` when only somebody's action can mend it.
    pub(super) fn failed(&mut self, what: &str, why: &str, ours: bool, now: Timestamp) -> Option<News> {
        let Some(known) = self.open.get_mut(what) else {
            let trouble = Trouble { since: whole_second(now), why: why.to_owned(), said: why.to_owned(), said_at: now, ours };
            self.open.insert(what.to_owned(), trouble);
            return Some(News::Begun);
        };
        let changed = known.said != why;
        let pause = if changed { CHANGE_SAID_AFTER } else { SAID_AGAIN_AFTER };
        known.why.clear();
        known.why.push_str(why);
        known.ours = ours;
        known.since = known.since.min(whole_second(now));
        if !interval_due(Some(known.said_at), pause, now) {
            return None;
        }
        known.said_at = now;
        known.said.clone_from(&known.why);
        Some(News::Still { since: known.since })
    }

    /// Something works; news when it did not before.
    pub(super) fn well(&mut self, what: &str) -> Option<News> {
        self.open.remove(what).map(|trouble| News::Over { since: trouble.since })
    }

    /// The store failed a part of the service; only somebody's action can mend that. It is one trouble, whoever meets it, and
    /// lasts until nobody does: a damaged or nearly full store serves some of the parts and fails others.
    pub(super) fn store_failed(&mut self, part: &str, why: &str, now: Timestamp) -> Option<News> {
        self.without_store.insert(part.to_owned(), now);
        self.failed(STORE, why, true, now)
    }

    /// The store did what a part of the service asked of it.
    pub(super) fn store_well(&mut self, part: &str, now: Timestamp) -> Option<News> {
        let waited_for = |failed_at: &Timestamp| now.duration_since(*failed_at).unsigned_abs() < WAITED_FOR;
        self.without_store.retain(|other, failed_at| other != part && waited_for(failed_at));
        if self.without_store.is_empty() { self.well(STORE) } else { None }
    }

    /// The clock was set: nothing begins in the future.
    pub(super) fn clock_was_set(&mut self, now: Timestamp) {
        for trouble in self.open.values_mut() {
            trouble.since = trouble.since.min(whole_second(now));
        }
    }

    /// Drops trouble of what there is no more.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.open.retain(|part, _| !is_gone(part));
    }

    /// Whether something fails.
    pub(super) fn is_open(&self, what: &str) -> bool {
        self.open.contains_key(what)
    }

    /// Whether something waits for somebody to act.
    pub(super) fn is_ours(&self, what: &str) -> bool {
        self.open.get(what).is_some_and(|trouble| trouble.ours)
    }

    /// Since when the store fails, and why.
    pub(super) fn of_store(&self) -> Option<(Timestamp, String)> {
        self.open.get(STORE).map(|trouble| (trouble.since, trouble.why.clone()))
    }

    /// The parts of the service that fail, and are neither the store nor among the sources: since when, and why.
    pub(super) fn of_parts(&self, is_source: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, Timestamp, &str)> {
        let parts = self.open.iter().filter(move |(part, _)| *part != STORE && !is_source(part));
        parts.map(|(part, trouble)| (part.as_str(), trouble.since, trouble.why.as_str()))
    }

    /// Since when a part of the service fails, and why.
    pub(super) fn of_part(&self, part: &str) -> Option<(Timestamp, &str)> {
        self.open.get(part).map(|trouble| (trouble.since, trouble.why.as_str()))
    }

    /// Since when the store fails, why, and for whom.
    pub(super) fn store_words(&self) -> Option<String> {
        let (Trouble { since, .. }, reason) = (self.open.get(STORE)?, self.store_reason()?);
        Some(format!("failing since {since}: {reason}"))
    }

    /// Why the store fails, and for whom.
    pub(super) fn store_reason(&self) -> Option<String> {
        let parts: Vec<_> = self.without_store.keys().map(String::as_str).collect();
        Some(format!("{}; without it: {}", self.open.get(STORE)?.why, parts.join(", ")))
    }
}

/// People read since when something fails.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("within range")
    }

    #[test]
    fn a_failure_is_said_when_it_begins_every_hour_and_when_it_is_over() {
        let mut troubles = Troubles::default();
        let said: Vec<i64> =
            (0..7_300).step_by(10).filter(|s| troubles.failed("log/a", "no file", false, at(*s)).is_some()).collect();
        assert_eq!(said, [0, 3_600, 7_200]);
        assert_eq!(troubles.well("log/a"), Some(News::Over { since: at(0) }));
        assert_eq!(troubles.well("log/a"), None);
        let begun = at(7_400) + jiff::SignedDuration::from_nanos(218_797_413);
        assert_eq!(troubles.failed("log/a", "no file", false, begun), Some(News::Begun));
        assert_eq!(troubles.of_part("log/a"), Some((at(7_400), "no file")));
    }

    #[test]
    fn what_began_by_a_clock_that_was_ahead_is_said_anew_when_that_was_set_right() {
        let mut troubles = Troubles::default();
        troubles.failed("audit/a", "503", false, at(3_600));
        troubles.failed("audit/b", "503", false, at(3_600));
        troubles.clock_was_set(at(50));
        assert_eq!(troubles.of_part("audit/b"), Some((at(50), "503")));
        assert_eq!(troubles.failed("audit/a", "503", false, at(60)), Some(News::Still { since: at(50) }));
        assert_eq!(troubles.failed("audit/a", "503", false, at(120)), None);
        assert_eq!(troubles.well("audit/a"), Some(News::Over { since: at(50) }));
        // A round that began before that ends after it.
        troubles.failed("audit/a", "503", false, at(3_600));
        troubles.failed("audit/a", "503", false, at(180));
        assert_eq!(troubles.of_part("audit/a"), Some((at(180), "503")));
    }

    #[test]
    fn a_part_that_fails_is_told_until_it_works_beside_store_and_sources() {
        let mut troubles = Troubles::default();
        for (part, why) in [("log/a", "no file"), ("csv/security", "a file is in the way"), ("otel", "refused"), (STORE, "full")]
        {
            troubles.failed(part, why, false, at(0));
        }
        let parts = |troubles: &Troubles| {
            let parts = troubles.of_parts(|part| part == "log/a");
            parts.map(|(part, since, why)| (part.to_owned(), since, why.to_owned())).collect::<Vec<_>>()
        };
        let [csv, otel] = [("csv/security", "a file is in the way"), ("otel", "refused")]
            .map(|(part, why)| (part.to_owned(), at(0), why.to_owned()));
        assert_eq!(parts(&troubles), [csv.clone(), otel]);
        troubles.well("otel");
        assert_eq!(parts(&troubles), [csv]);
    }

    #[test]
    fn a_failure_that_becomes_another_is_said_but_not_with_every_round() {
        let mut troubles = Troubles::default();
        let said = (0..1_000).step_by(10).filter(|s| {
            let why = format!("asks to wait {s} s");
            troubles.failed("audit/a", &why, *s > 500, at(*s)).is_some()
        });
        assert_eq!(said.collect::<Vec<_>>(), [0, 300, 600, 900]);
        assert!(troubles.is_ours("audit/a") && !troubles.is_ours("audit/b"));
    }

    #[test]
    fn since_when_something_fails_is_told_in_whole_seconds_also_by_a_clock_that_was_set_back() {
        let mut troubles = Troubles::default();
        let split = |second: i64| at(second) + jiff::SignedDuration::from_millis(218);
        troubles.failed("audit/a", "401", true, split(100));
        troubles.clock_was_set(split(50));
        assert_eq!(troubles.of_parts(|_| false).map(|(_, since, _)| since).collect::<Vec<_>>(), [at(50)]);
        troubles.failed("audit/a", "401", true, split(20));
        assert_eq!(troubles.well("audit/a"), Some(News::Over { since: at(20) }));
    }

    #[test]
    fn a_store_that_serves_some_and_fails_others_is_one_trouble_until_it_serves_all() {
        let (mut troubles, why) = (Troubles::default(), "/d/duskwatch.db: the store is damaged");
        assert_eq!(troubles.store_failed("judgement", why, at(0)), Some(News::Begun));
        assert_eq!(troubles.store_well("log/a", at(10)), None);
        assert_eq!(troubles.store_failed("audit/a", why, at(20)), None);
        assert_eq!(troubles.store_well("judgement", at(20)), None);
        let line = format!("failing since {}: /d/duskwatch.db: the store is damaged; without it: audit/a", at(0));
        assert_eq!(troubles.store_words(), Some(line));
        assert_eq!(troubles.store_well("audit/a", at(80)), Some(News::Over { since: at(0) }));
        assert_eq!(troubles.store_words(), None);
    }

    #[test]
    fn who_never_uses_the_store_again_is_not_waited_for_forever() {
        let mut troubles = Troubles::default();
        troubles.store_failed("intake/a", "the disk of the store is full", at(0));
        assert_eq!(troubles.store_well("judgement", at(3_599)), None);
        assert_eq!(troubles.store_well("judgement", at(3_600)), Some(News::Over { since: at(0) }));
    }

    #[test]
    fn a_failure_that_becomes_another_one_and_stays_so_is_said_soon() {
        let mut troubles = Troubles::default();
        let said = (0..3_960).step_by(60).filter(|s| {
            let why = if *s == 0 { "connection refused" } else { "401" };
            troubles.failed("audit/a", why, false, at(*s)).is_some()
        });
        assert_eq!(said.collect::<Vec<_>>(), [0, 300, 3_900]);
    }
}
