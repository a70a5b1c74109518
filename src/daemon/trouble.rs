//! What keeps failing. A failure is said when it begins, when it becomes another one, every hour while it lasts, and when it
//! is over; a round every few seconds must not fill the log with one fact.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

/// A failure that lasts is said again after this long.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// A failure whose words change is said again after this long: seconds to wait change with every round.
const CHANGE_SAID_AFTER: Duration = Duration::from_secs(5 * 60);

/// What fails, by the name of a source or of a part of the service.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    open: BTreeMap<String, Trouble>,
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
            let trouble = Trouble { since: now, why: why.to_owned(), said: why.to_owned(), said_at: now, ours };
            self.open.insert(what.to_owned(), trouble);
            return Some(News::Begun);
        };
        let changed = known.said != why;
        let pause = if changed { CHANGE_SAID_AFTER } else { SAID_AGAIN_AFTER };
        known.why.clear();
        known.why.push_str(why);
        known.ours = ours;
        if now.duration_since(known.said_at).unsigned_abs() < pause {
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

    /// Whether something waits for somebody to act.
    pub(super) fn is_ours(&self, what: &str) -> bool {
        self.open.get(what).is_some_and(|trouble| trouble.ours)
    }

    /// Since when something fails, and why.
    pub(super) fn line(&self, what: &str) -> Option<String> {
        self.open.get(what).map(|trouble| format!("{what}: failing since {}: {}", trouble.since, trouble.why))
    }
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
        assert_eq!(troubles.failed("log/a", "no file", false, at(7_400)), Some(News::Begun));
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
        assert_eq!(troubles.line("audit/a"), Some(format!("audit/a: failing since {}: asks to wait 990 s", at(0))));
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
