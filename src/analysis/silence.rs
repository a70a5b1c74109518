//! Sources that fell silent: read without fail, and nothing in them any more. The worst failure of a collector is silence
//! under a green light: an agent that lost its file, a proxy that is no longer passed, a log whose rotation changed.
//!
//! The rule. A source has a week of its own: over the eight weeks up to its newest evidence, a weekday on which it showed
//! something in four of five of the days on which it was looked at is one of its *usual* days. It is silent when it was
//! looked at throughout two usual days since. So a source of every day is silent after two days, one of working days after
//! two working days whatever the weekend, one of Mondays after two Mondays; and one that has always been quiet or irregular,
//! or that is younger than four weeks, never is. Days in which nobody looked are no silence.

use jiff::Timestamp;

use super::tracks::{Span, Spans};
use crate::evidence::{Day, History, Ledger, SourceKind, time};

/// The past in which a source's week is sought.
const WEEKS: i32 = 8;
/// A weekday that was looked at less often is not judged.
const LEAST_TIMES: u32 = 4;
/// A usual weekday showed something on so many of five.
const USUAL_OF_FIVE: u32 = 4;
/// One holiday is no silence.
const SILENT_DAYS: u32 = 2;

/// A source that is read and shows nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub source: String,
    /// Its newest evidence.
    pub since: Timestamp,
    /// Whole days since then on which it was looked at and usually shows something.
    pub days: u32,
}

/// The silent sources, sorted by name.
pub(super) fn silences(history: &History, spans: &Spans, ledger: &Ledger, now: Timestamp) -> Vec<Silence> {
    let mut names: Vec<&str> = history.tracks.iter().map(|track| track.source.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |source: &str| names.binary_search(&source).unwrap_or_default();
    let source_of_track: Vec<usize> = history.tracks.iter().map(|track| of(&track.source)).collect();
    let mut newest_ms = vec![i64::MIN; names.len()];
    for (track, source) in source_of_track.iter().enumerate() {
        newest_ms[*source] = spans.of(track).last_ms.max(newest_ms[*source]);
    }
    let mut seen = vec![[false; (WEEKS * 7) as usize]; names.len()];
    for (track, source) in source_of_track.iter().enumerate() {
        let Span { last, recent, .. } = spans.of(track);
        for back in (0..WEEKS * 7).filter(|back| recent >> back & 1 == 1) {
            if let Some(day) = place(Day::of_ms(newest_ms[*source]), last.plus(-back)) {
                seen[*source][day] = true;
            }
        }
    }
    let judged = names.iter().zip(newest_ms).zip(&seen).filter(|((name, _), _)| SourceKind::Import.name_of(name).is_none());
    judged.filter_map(|((name, newest_ms), seen)| silence(name, newest_ms, seen, &ledger.covered_days(name), now)).collect()
}

/// How many days before its last day of evidence a day lies, within the weeks that are looked at.
fn place(last: Day, day: Day) -> Option<usize> {
    usize::try_from(last.0.checked_sub(day.0)?).ok().filter(|back| *back < (WEEKS * 7) as usize)
}

fn silence(source: &str, newest_ms: i64, seen: &[bool], covered: &[Day], now: Timestamp) -> Option<Silence> {
    let last = Day::of_ms(newest_ms);
    let weekday = |day: Day| day.0.rem_euclid(7) as usize;
    let (mut looked, mut showed) = ([0_u32; 7], [0_u32; 7]);
    for day in covered {
        if let Some(back) = place(last, *day) {
            looked[weekday(*day)] += 1;
            showed[weekday(*day)] += u32::from(seen[back]);
        }
    }
    let usual = |day: &&Day| {
        let (looked, showed) = (looked[weekday(**day)], showed[weekday(**day)]);
        looked >= LEAST_TIMES && showed * 5 >= looked * USUAL_OF_FIVE
    };
    let since = covered.iter().filter(|day| **day > last && day.end() <= now);
    let days = u32::try_from(since.filter(usual).count()).unwrap_or(u32::MAX);
    (days >= SILENT_DAYS).then(|| Silence { source: source.to_owned(), since: time::instant(newest_ms), days })
}

#[cfg(test)]
mod tests;
