//! One line of a transcript, without what the CI system wrote around it: colours, times, labels.

use std::{borrow::Cow, sync::LazyLock};

use jiff::{
    civil::{DateTime, Time},
    fmt::strtime,
    tz::TimeZone,
};
use regex::Regex;

use crate::evidence::{Day, time};

/// When a line was written, as its prefix tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Unix milliseconds.
    Instant(i64),
    /// Unix milliseconds, if a time without a zone was UTC.
    Unzoned(i64),
    /// Milliseconds since midnight of a day that is not told.
    TimeOfDay(i64),
}

/// The bytes of `2026-07-03`; a hyphen behind them begins a zone.
const DATE_LENGTH: usize = 10;

/// A line may be stamped by a clock that runs ahead of the file's, or in a zone that it does not name.
const SLACK_MS: i64 = 3 * 3_600_000;

/// More than this back is another day, not a clock that was set.
const HALF_A_DAY_MS: i64 = time::MS_PER_DAY / 2;

/// Splits the time off the beginning of a line.
pub(super) fn split_stamp(line: &str) -> (Option<Stamp>, &str) {
    let Some(first) = line.bytes().next() else { return (None, line) };
    if !(first == b'[' || first.is_ascii_digit() || matches!(first, b'b' | b'e' | b's' | b'c')) {
        return (None, line);
    }
    let split = |form: &Regex, read: fn(&str) -> Option<Stamp>| {
        let found = form.captures(line)?;
        Some((Some(read(&found[1])?), &line[found[0].len()..]))
    };
    split(&DATED, dated).or_else(|| split(&BAMBOO, bamboo)).or_else(|| split(&TIMED, timed)).unwrap_or((None, line))
}

fn dated(text: &str) -> Option<Stamp> {
    let ms = time::parse_instant(&text.replace(',', "."))?.as_millisecond();
    let zoned = text.ends_with('Z') || text.bytes().skip(DATE_LENGTH).any(|byte| matches!(byte, b'+' | b'-'));
    Some(if zoned { Stamp::Instant(ms) } else { Stamp::Unzoned(ms) })
}

fn bamboo(text: &str) -> Option<Stamp> {
    let parsed = strtime::parse("%d-%b-%Y %H:%M:%S", text).ok()?.to_datetime().ok()?;
    DateTime::to_zoned(parsed, TimeZone::UTC).ok().map(|at| Stamp::Unzoned(at.timestamp().as_millisecond()))
}

fn timed(text: &str) -> Option<Stamp> {
    let at: Time = text.replace(',', ".").parse().ok()?;
    let seconds = i64::from(at.hour()) * 3_600 + i64::from(at.minute()) * 60 + i64::from(at.second());
    Some(Stamp::TimeOfDay(seconds * 1_000 + i64::from(at.millisecond())))
}

/// GitLab's marker of a section, which carries the time in Unix seconds.
pub(super) fn section(text: &str) -> Option<Stamp> {
    let rest = text.strip_prefix("section_start:").or_else(|| text.strip_prefix("section_end:"))?;
    let seconds: u32 = rest.split(':').next()?.parse().ok()?;
    Some(Stamp::Instant(i64::from(seconds) * 1_000))
}

/// Without colours, cursor movements and the notes that Jenkins hides in its logs.
pub(super) fn plain(line: &str) -> Cow<'_, str> {
    if line.contains('\u{1b}') { ESCAPE.replace_all(line, "") } else { Cow::Borrowed(line) }
}

/// Without the labels that runners and package managers put before what git says, and how much was taken away.
pub(super) fn unlabelled(text: &str) -> &str {
    let mut rest = text;
    while let Some(next) = LABELS.iter().find_map(|label| rest.strip_prefix(label)) {
        rest = next;
    }
    rest
}

/// What stands before a line that a tool repeats from git.
const LABELS: [&str; 10] = [
    "##[error]",
    "##[command]",
    "##[warning]",
    "[command]",
    "stderr: ",
    "stdout: ",
    "npm error ",
    "npm ERR! ",
    "ERROR: ",
    "Error: ",
];

/// The time of a line: its own, else that of the last line that had one, else the file's last modification.
pub(super) struct Clock {
    last_ms: Option<i64>,
    changed_ms: i64,
}

impl Clock {
    pub(super) fn new(changed_ms: i64) -> Self {
        Self { last_ms: None, changed_ms }
    }

    pub(super) fn take(&mut self, stamp: Stamp) {
        self.last_ms = Some(match stamp {
            Stamp::Instant(ms) => ms,
            // East of Greenwich the local time is later than the file's.
            Stamp::Unzoned(ms) => ms.min(self.changed_ms),
            Stamp::TimeOfDay(of_day) => self.on_a_day(of_day),
        });
    }

    /// A time without a date belongs to the day of the line before, to the next one after midnight, or else to the last
    /// day on which it was not yet the future when the file was written.
    fn on_a_day(&self, of_day: i64) -> i64 {
        let at = match self.last_ms {
            Some(last) => {
                let same = Day::of_ms(last).start_ms() + of_day;
                if same < last - HALF_A_DAY_MS { same + time::MS_PER_DAY } else { same }
            }
            None => Day::of_ms(self.changed_ms).start_ms() + of_day,
        };
        let past = if at > self.changed_ms + SLACK_MS { at - time::MS_PER_DAY } else { at };
        past.min(self.changed_ms)
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.last_ms.unwrap_or(self.changed_ms)
    }
}

pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that every test compiles")
}

/// Jenkins `[2026-07-03T06:07:12.482Z] `, GitLab `2026-07-03T06:07:12.482Z 01O `, GitHub `2026-07-03T06:07:12.4821234Z `.
static DATED: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)(?:\]|\b)(?: \d\d[OE](?:\+| |$)| ?)")
});
/// Bamboo `error<tab>03-Jul-2026 06:07:12<tab>`.
static BAMBOO: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:build|error|simple|command)\t(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d)(?:\t|$)"));
/// Jenkins `06:07:12  `, TeamCity `[06:07:12] `.
static TIMED: LazyLock<Regex> = LazyLock::new(|| regex(r"^\[?(\d\d:\d\d:\d\d(?:[.,]\d{1,3})?)\]?(?:  ?|$)"));
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\x1b\[8mha:[^\x1b]*\x1b\[0m|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_]")
});

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_783_058_832_000;

    #[test]
    fn every_ci_system_writes_its_time_in_its_own_way() {
        for (line, stamp, rest) in [
            ("[2026-07-03T06:07:12.482Z] Started", Some(Stamp::Instant(AT + 482)), "Started"),
            ("2026-07-03T06:07:12.482Z 01O remote: x", Some(Stamp::Instant(AT + 482)), "remote: x"),
            ("2026-07-03T06:07:12.482000Z 01E+ more", Some(Stamp::Instant(AT + 482)), " more"),
            ("2026-07-03T06:07:12.4821234Z   indented", Some(Stamp::Instant(AT + 482)), "  indented"),
            ("2026-07-03T08:07:12+02:00 x", Some(Stamp::Instant(AT)), "x"),
            ("2026-07-03 06:07:12,482 ERROR x", Some(Stamp::Unzoned(AT + 482)), "ERROR x"),
            ("error\t03-Jul-2026 06:07:12\tfatal: x", Some(Stamp::Unzoned(AT)), "fatal: x"),
            ("06:07:12  remote: x", Some(Stamp::TimeOfDay(22_032_000)), "remote: x"),
            ("[06:07:12] x", Some(Stamp::TimeOfDay(22_032_000)), "x"),
            ("[2026-13-03T06:07:12Z] x", None, "[2026-13-03T06:07:12Z] x"),
            ("build it", None, "build it"),
            ("", None, ""),
        ] {
            assert_eq!(split_stamp(line), (stamp, rest), "{line}");
        }
        assert_eq!(section("section_start:1783058832:get_sources"), Some(Stamp::Instant(AT)));
        assert_eq!(plain("\u{1b}[32;1m$ git\u{1b}[0;m fetch"), "$ git fetch");
        assert_eq!(plain("\u{1b}[8mha:////4AB+c=\u{1b}[0mStarted by timer"), "Started by timer");
    }

    #[test]
    fn a_time_without_a_zone_is_never_later_than_the_file() {
        let told = |line: &str| {
            let mut clock = Clock::new(AT);
            clock.take(split_stamp(line).0.expect("a stamp"));
            clock.now_ms() - AT
        };
        assert_eq!(told("2026-07-03 08:07:12,000 ERROR x"), 0, "a local time two hours east of Greenwich");
        assert_eq!(told("error\t03-Jul-2026 08:07:12\tfatal: x"), 0);
        assert_eq!(told("2026-07-03 05:07:12 x"), -3_600_000);
        assert_eq!(told("2026-07-03T08:07:12+02:00 x"), 0);
        assert_eq!(told("2026-07-03T06:07:13Z x"), 1_000, "an instant is kept as it is");
    }

    #[test]
    fn a_time_without_a_date_is_never_in_the_future() {
        let day = AT - 22_032_000;
        let told = |changed_ms: i64, before: Option<i64>, of_day: i64| {
            let mut clock = Clock::new(changed_ms);
            if let Some(at) = before {
                clock.take(Stamp::Instant(at));
            }
            clock.take(Stamp::TimeOfDay(of_day));
            clock.now_ms() - day
        };
        let (night, morning) = (86_340_000, 600_000);
        assert_eq!(told(day + 25_000_000, None, 22_032_000), 22_032_000);
        assert_eq!(told(day + morning, None, night), night - time::MS_PER_DAY, "written before midnight");
        assert_eq!(told(day + 60_000, None, 90_000), 60_000, "a clock that is ahead by a little");
        assert_eq!(told(day + 3 * time::MS_PER_DAY, Some(day + night), morning), morning + time::MS_PER_DAY, "past midnight");
        assert_eq!(Clock::new(AT).now_ms(), AT);
    }
}
