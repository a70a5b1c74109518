//! Numbers, dates and times as they stand in sentences.

use jiff::{Timestamp, tz::TimeZone};

use crate::evidence::Day;

pub(in crate::report) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %b %Y %H:%M %Z").to_string()
}

/// `3 Jul 2026 06:00–08:00 UTC`; with both days where a window goes over midnight.
pub(in crate::report) fn span(from: Timestamp, to: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (from.to_zoned(zone.clone()), to.to_zoned(zone.clone()));
    let until = if from.date() == to.date() { "\u{2013}%H:%M %Z" } else { " \u{2013} %-d %b %H:%M %Z" };
    format!("{}{}", from.strftime("%-d %b %Y %H:%M"), to.strftime(until))
}

/// The UTC day of an instant: dates of the campaign are UTC days.
pub(in crate::report) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
}

/// `1 integration`, `2 integrations`.
pub(in crate::report) fn counted(n: impl Into<i64>, noun: &str) -> String {
    let n = n.into();
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

/// Digits in groups of three: `12,345`.
pub(in crate::report) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "\u{2212}" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `+3`, `−4`, `±0`: with the true minus sign.
pub(in crate::report) fn signed(n: i64) -> String {
    match n {
        0 => "±0".to_owned(),
        1.. => format!("+{}", grouped(n)),
        _ => grouped(n),
    }
}

pub(in crate::report) fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// With spaces that do not break between a number and its word: `2 broken`, `day 120`.
pub(in crate::report) fn glued(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let glue = |(i, c): (usize, &char)| {
        let before = i.checked_sub(1).map_or(' ', |i| chars[i]);
        let after = chars.get(i + 1).copied().unwrap_or(' ');
        let beside = before.is_ascii_digit() && after.is_alphabetic() || before.is_alphabetic() && after.is_ascii_digit();
        if *c == ' ' && beside { '\u{a0}' } else { *c }
    };
    chars.iter().enumerate().map(glue).collect()
}

/// Rounded down: a gap never reads as 100 %.
pub(in crate::report) fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).floor())
}

/// When evidence was seen, in UTC: an instant, from when until when, or a day of which only the count is kept.
pub(in crate::report) fn stamp(at: Timestamp, until: Option<Timestamp>, kept: bool) -> String {
    let second = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    match (kept, until) {
        (true, None) => second(at),
        (true, Some(until)) => format!("{} to {}", second(at), second(until)),
        (false, _) => format!("{} (only the day's count is kept)", Day::of(at)),
    }
}

/// Of a day's uses, the part that the hours of [`hours`] hold.
const MOST: f64 = 0.8;
/// Hours that hold most of the uses and are more than this name no time of day.
const ANY_TIME: usize = 16;

/// The fewest consecutive hours that hold most of the uses, on the clock of the zone; empty without uses.
pub(in crate::report) fn hours(by_hour: &[f64], now: Timestamp, zone: &TimeZone) -> String {
    let all: f64 = by_hour.iter().sum();
    let held = |from: usize, length: usize| (from..from + length).map(|hour| by_hour[hour % by_hour.len()]).sum::<f64>();
    if all <= 0.0 {
        return String::new();
    }
    let spans = (1..=ANY_TIME).flat_map(|length| (0..by_hour.len()).map(move |from| (from, length)));
    let Some((from, length)) = spans.into_iter().find(|(from, length)| held(*from, *length) >= MOST * all) else {
        return "at any time of the day".to_owned();
    };
    let clock = |hour: usize| {
        let today = crate::evidence::Day::of(now).start().as_second();
        let at = Timestamp::from_second(today + i64::try_from(hour).unwrap_or(0) * 3_600).unwrap_or(now);
        at.to_zoned(zone.clone())
    };
    let (from, to) = (clock(from), clock(from + length));
    format!("mostly {}\u{2013}{}", from.strftime("%H:%M"), to.strftime("%H:%M %Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_numbers() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-999), "\u{2212}999");
        assert_eq!(signed(0), "±0");
        assert_eq!(signed(-1_000), "\u{2212}1,000");
        assert_eq!(counted(1, "day"), "1 day");
        assert_eq!(counted(0, "day"), "0 days");
        assert_eq!(glued("App passwords: 2 broken, day 120"), "App passwords: 2\u{a0}broken, day\u{a0}120");
    }
}
