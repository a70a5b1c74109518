//! Instants and days. Days are UTC days; instants are stored as milliseconds since the Unix epoch.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub const MS_PER_HOUR: i64 = 3_600_000;
pub const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    pub fn of(at: Timestamp) -> Self {
        Self::of_ms(at.as_millisecond())
    }

    pub fn of_ms(ms: i64) -> Self {
        Self(i32::try_from(ms.div_euclid(MS_PER_DAY)).unwrap_or(i32::MAX))
    }

    pub fn start_ms(self) -> i64 {
        i64::from(self.0) * MS_PER_DAY
    }

    pub fn end_ms(self) -> i64 {
        self.start_ms() + MS_PER_DAY
    }

    /// The first instant of the day.
    pub fn start(self) -> Timestamp {
        instant(self.start_ms())
    }

    /// The first instant after the day.
    pub fn end(self) -> Timestamp {
        instant(self.end_ms())
    }

    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    pub fn date(self) -> Date {
        TimeZone::UTC.to_datetime(self.start()).date()
    }

    pub fn from_date(date: Date) -> Self {
        let at = date.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |z| z.timestamp());
        Self::of(at)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Date>().ok().map(Self::from_date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

/// The UTC hour of an instant as one of 24 bits: bit h stands for the hour from h to h + 1.
pub fn hour_bit(ms: i64) -> u32 {
    1 << (ms.rem_euclid(MS_PER_DAY) / MS_PER_HOUR)
}

/// Milliseconds to an instant; values outside the calendar are clamped to its ends.
pub fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Reads the time forms that the sources use: RFC 3339 with or without fraction, an offset without colon, a space instead of
/// `T` or before the offset, a comma before the fraction, a missing zone (taken as UTC); Apache's `10/Oct/2026:13:55:36 +0200`;
/// RFC 2822; and Unix seconds, milliseconds, microseconds or nanoseconds.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    match text.as_bytes() {
        [_, _, b'/', ..] => apache(text),
        [b'0'..=b'9', _, _, _, ..] => spaced(text).or_else(|| rfc_2822(text)),
        _ => rfc_2822(text),
    }
}

/// A date, a time and a zone with spaces between them; without a zone it is UTC.
fn spaced(text: &str) -> Option<Timestamp> {
    let text = text.replacen(',', ".", 1);
    let zone = text.rfind(' ').filter(|at| text[at + 1..].starts_with(['+', '-', 'Z', 'U']));
    let (local, zone) = zone.map_or((text.as_str(), "Z"), |at| (&text[..at], &text[at + 1..]));
    let zone = if zone == "UTC" { "Z" } else { zone };
    format!("{local}{zone}").parse().ok()
}

fn apache(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%d/%b/%Y:%H:%M:%S%.f %z", text).ok()
}

fn rfc_2822(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Unix seconds, milliseconds, microseconds or nanoseconds, told apart by their size.
pub fn epoch(number: f64) -> Option<Timestamp> {
    let ms = match number.abs() {
        n if n < 1e11 => number * 1e3,
        n if n < 1e14 => number,
        n if n < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    if !ms.is_finite() || ms.abs() > 2.5e14 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the check above")]
    Some(instant(ms.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_forms_of_the_sources_are_read() {
        let at = "2026-07-03T06:07:12Z".parse::<Timestamp>().ok();
        for text in [
            "2026-07-03T06:07:12Z",
            "2026-07-03T06:07:12+00:00",
            "2026-07-03T08:07:12+0200",
            "2026-07-03 06:07:12",
            "2026-07-03 06:07:12,000",
            "2026-07-03T06:07:12.000000000Z",
            "2026-07-03 08:07:12 +0200",
            "2026-07-03 08:07:12.0 +02:00",
            "2026-07-03 06:07:12 UTC",
            "2026-07-03T06:07:12",
            "03/Jul/2026:06:07:12 +0000",
            "03/Jul/2026:01:37:12 -0430",
            "03/Jul/2026:06:07:12.000 +0000",
            "Fri, 03 Jul 2026 06:07:12 +0000",
            "Fri, 3 Jul 2026 08:07:12 +0200",
            "3 Jul 2026 06:07:12 GMT",
            "1783058832",
            "1783058832.000",
            "1783058832000",
            "1783058832000000",
            "1783058832000000000",
        ] {
            assert_eq!(parse_instant(text), at, "{text}");
        }
        let at = parse_instant("2026-07-03 06:07:12,482").map(Timestamp::as_millisecond);
        assert_eq!(at, Some(1_783_058_832_482));
        for text in ["yesterday", "", "-", "nan", "inf", "1e300", "03/Jux/2026:06:07:12 +0000", "2026-02-30 06:07:12", "é/é/é"]
        {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_lies_in_one_of_24_hours() {
        let bit = |text: &str| hour_bit(text.parse::<Timestamp>().expect("a valid instant").as_millisecond());
        assert_eq!(bit("2026-07-03T00:00:00Z"), 1);
        assert_eq!(bit("2026-07-03T00:59:59.999Z"), 1);
        assert_eq!(bit("2026-07-03T23:00:00Z"), 1 << 23);
        assert_eq!(hour_bit(-1), 1 << 23);
    }

    #[test]
    fn a_day_knows_its_ends_before_and_after_the_epoch() {
        assert_eq!(Day::of_ms(-1), Day(-1));
        assert_eq!(Day::parse("2026-07-28").map(|d| d.to_string()), Some("2026-07-28".to_owned()));
        assert_eq!(Day::of(Day(20_000).start()), Day(20_000));
    }
}
