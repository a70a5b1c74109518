//! Instants and days. Days are UTC days; instants are stored as milliseconds since the Unix epoch.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub const MS_PER_HOUR: i64 = 3_600_000;
pub const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    pub fn of(at: Timestamp) -> Self {
        Self::of_ms(at.as_millisecond())
    }

    pub fn of_ms(ms: i64) -> Self {
        Self(i32::try_from(ms.div_euclid(MS_PER_DAY)).unwrap_or(if ms < 0 { i32::MIN } else { i32::MAX }))
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

    /// Rhythms ask for the dates of millions of days, so the way over an instant is left to what lies far away.
    pub fn date(self) -> Date {
        self.civil().unwrap_or_else(|| TimeZone::UTC.to_datetime(self.start()).date())
    }

    /// The date of a day from 1970 on (H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`): years begin
    /// in March, so that leap days end them, and every 400 years the calendar repeats.
    fn civil(self) -> Option<Date> {
        const DAYS_OF_400_YEARS: i32 = 146_097;
        const DAYS_FROM_MARCH_0000: i32 = 719_468;
        let days = self.0.checked_add(DAYS_FROM_MARCH_0000).filter(|_| self.0 >= 0)?;
        let day = days % DAYS_OF_400_YEARS;
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = days / DAYS_OF_400_YEARS * 400 + year + next;
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day_of_month).ok()?).ok()
    }

    pub fn from_date(date: Date) -> Self {
        // By dates alone: the last of them are beyond every instant.
        let days = date.duration_since(EPOCH).as_hours() / 24;
        Self(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Reads `YYYY-MM-DD` or `YYYYMMDD`, and nothing that says an hour as well: that would be lost.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Date>().ok().filter(|_| ["YYYY-MM-DD", "YYYYMMDD"].map(str::len).contains(&text.len())).map(Self::from_date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

/// How many days are left: from the UTC day of one instant to that of another, 0 on the day itself. Whether the hour has come,
/// the instants tell.
pub fn days_between(from: Timestamp, to: Timestamp) -> i32 {
    Day::of(to).0.saturating_sub(Day::of(from).0)
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

/// As [`parse_instant`], in Unix milliseconds. Nearly all lines of logs write their time in one way, and there are millions.
pub fn parse_ms(text: &str) -> Option<i64> {
    plain_utc(text.as_bytes()).or_else(|| parse_instant(text).map(Timestamp::as_millisecond))
}

/// `2026-07-03T06:07:12Z` or `2026-07-03T06:07:12.482Z`, of a year from 1970 on.
fn plain_utc(text: &[u8]) -> Option<i64> {
    let (date_and_time, rest) = text.split_at_checked(19)?;
    let &[y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0, b'T', h1, h0, b':', i1, i0, b':', s1, s0] = date_and_time else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let two = |tens, ones| Some(digit(tens)? * 10 + digit(ones)?);
    let ms = match rest {
        b"Z" => 0,
        &[b'.', a, b, c, b'Z'] => two(a, b)? * 10 + digit(c)?,
        _ => return None,
    };
    let (year, month, day) = (two(y3, y2)? * 100 + two(y1, y0)?, two(m1, m0)?, two(d1, d0)?);
    let (hour, minute, second) = (two(h1, h0)?, two(i1, i0)?, two(s1, s0)?);
    if year < 1970
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_of(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60_000 + second * 1_000 + ms;
    Some(days_before(year, month) * MS_PER_DAY + (day - 1) * MS_PER_DAY + of_day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From 1970-01-01 to the first of a month, for years from 1970 on.
fn days_before(year: i64, month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let this_year = BEFORE[usize::try_from(month - 1).unwrap_or(0)] + i64::from(month > 2 && is_leap(year));
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + this_year
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
    fn an_instant_outside_the_calendar_lies_on_its_nearer_end() {
        assert_eq!([i64::MIN, -1, 0, i64::MAX].map(Day::of_ms), [i32::MIN, -1, 0, i32::MAX].map(Day));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let every_day_of_centuries = -400..200_000;
        let some_of_all = (-4_000_000..3_000_000).step_by(997);
        for day in every_day_of_centuries.chain(some_of_all).chain([i32::MIN, i32::MAX]).map(Day) {
            assert_eq!(day.date(), TimeZone::UTC.to_datetime(day.start()).date(), "{}", day.0);
        }
    }

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
    fn the_usual_way_to_write_a_time_means_what_the_calendar_says() {
        let mut random = fastrand::Rng::with_seed(1970);
        for _ in 0..20_000 {
            let at = instant(random.i64(0..253_402_300_800_000));
            let text =
                [at.to_string(), format!("{}.{:03}Z", at.strftime("%FT%T"), random.u32(0..1000))][random.usize(0..2)].clone();
            assert_eq!(parse_ms(&text), text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond), "{text}");
            // Any other digit in any place, also where it makes no time.
            let mut odd = text.clone().into_bytes();
            let place = random.usize(0..odd.len());
            odd[place] = b"0123456789-:TZ. "[random.usize(0..16)];
            let odd = String::from_utf8(odd).expect("ASCII");
            assert_eq!(parse_ms(&odd), parse_instant(&odd).map(Timestamp::as_millisecond), "{odd}");
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
    fn the_last_days_of_the_calendar_are_days_like_others() {
        for date in ["9999-12-31", "9999-12-30", "1970-01-01"] {
            assert_eq!(Day::parse(date).map(|day| day.to_string()).as_deref(), Some(date));
        }
        assert!(Day::parse("9999-12-31") > Day::parse("9999-12-30"));
        assert_eq!(Day::parse("20260728"), Day::parse("2026-07-28"));
        for more in ["2026-07-28T15:00:00", "2026-07-28 15:00", "2026-07-28T23:00:00-05:00"] {
            assert_eq!(Day::parse(more), None, "{more}");
        }
    }

    #[test]
    fn a_day_knows_its_ends_before_and_after_the_epoch() {
        assert_eq!(Day::of_ms(-1), Day(-1));
        assert_eq!(Day::parse("2026-07-28").map(|d| d.to_string()), Some("2026-07-28".to_owned()));
        assert_eq!(Day::of(Day(20_000).start()), Day(20_000));
    }
}
