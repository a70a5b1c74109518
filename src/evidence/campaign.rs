//! The retirement of something: what counts as legacy and as its replacement, freeze, brownouts, removal, and the dates
//! that moved. A campaign is a file; the one for app passwords is compiled in.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::Deserialize;

use super::{Credential, Day, WindowKind};

const APP_PASSWORDS: &str = include_str!("../../config/campaigns/bitbucket-app-passwords.toml");

#[derive(Clone, Debug)]
pub struct Campaign {
    pub id: String,
    pub name: String,
    /// What is being removed, as a plural noun for sentences: `app passwords`.
    pub noun: String,
    pub legacy: Vec<Credential>,
    pub replacement: Vec<Credential>,
    pub freeze: Timestamp,
    pub removal: Timestamp,
    /// Earlier values of the removal date, oldest first, with why they changed.
    pub moved: Vec<MovedDate>,
    /// Sorted by start; each includes its start and excludes its end.
    pub windows: Vec<Window>,
    pub documentation: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedDate {
    pub was: Timestamp,
    pub reason: String,
}

/// A brownout: an hour or so in which the legacy credential is refused, to make its users notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
    pub published: bool,
}

impl Campaign {
    /// Resolves `builtin:NAME`; other references are paths, which only `config` reads.
    pub fn builtin(reference: &str) -> Option<&'static str> {
        (reference == "builtin:bitbucket-app-passwords").then_some(APP_PASSWORDS)
    }

    /// Reads a campaign file.
    ///
    /// # Errors
    /// Names the line and key that is wrong: unknown keys, unknown credentials, times and dates that are none,
    /// windows that overlap, a freeze after the removal.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with_removal(text, None)
    }

    /// Reads a campaign file and lets a removal date override the one in it, which then becomes one that moved.
    ///
    /// # Errors
    /// As [`Campaign::parse`].
    pub fn parse_with_removal(text: &str, removal: Option<Timestamp>) -> Result<Self, String> {
        let mut wire: Wire = toml::from_str(text).map_err(|error| error.to_string())?;
        if let Some(removal) = removal.filter(|at| *at != wire.removal) {
            wire.moved.push(Moved { was: wire.removal, reason: "overridden by the configuration".to_owned() });
            wire.removal = removal;
        }
        let mut windows = Vec::new();
        for row in &wire.brownout {
            row.expand(&mut windows)?;
        }
        windows.sort_by_key(|w| w.from_ms);
        if let Some(pair) = windows.windows(2).find(|pair| pair[0].to_ms > pair[1].from_ms) {
            return Err(format!("brownout: two windows overlap on {}", Day::of_ms(pair[1].from_ms)));
        }
        if wire.freeze > wire.removal {
            return Err("freeze: lies after the removal".to_owned());
        }
        let removal_ms = wire.removal.as_millisecond();
        windows.retain(|w| w.from_ms < removal_ms);
        Ok(Self {
            legacy: credentials("legacy", &wire.legacy.credentials)?,
            replacement: credentials("replacement", &wire.replacement.credentials)?,
            id: wire.id,
            name: wire.name,
            noun: wire.noun,
            freeze: wire.freeze,
            removal: wire.removal,
            moved: wire.moved.into_iter().map(|m| MovedDate { was: m.was, reason: m.reason }).collect(),
            windows,
            documentation: wire.documentation,
        })
    }

    /// Where an instant lies against the windows; always outside from the removal on.
    pub fn window_at(&self, ms: i64) -> WindowKind {
        let next = self.windows.partition_point(|w| w.from_ms <= ms);
        match next.checked_sub(1).map(|i| self.windows[i]) {
            Some(w) if ms < w.to_ms && ms < self.removal.as_millisecond() => {
                if w.published {
                    WindowKind::Published
                } else {
                    WindowKind::Extrapolated
                }
            }
            _ => WindowKind::Outside,
        }
    }

    pub fn removed_at(&self, ms: i64) -> bool {
        ms >= self.removal.as_millisecond()
    }

    pub fn is_legacy(&self, credential: Credential) -> bool {
        self.legacy.contains(&credential)
    }

    pub fn is_replacement(&self, credential: Credential) -> bool {
        self.replacement.contains(&credential)
    }

    /// The windows that end after `from`, at most `limit`.
    pub fn windows_after(&self, from: Timestamp, limit: usize) -> &[Window] {
        let start = self.windows.partition_point(|w| w.to_ms <= from.as_millisecond());
        let rest = &self.windows[start..];
        &rest[..rest.len().min(limit)]
    }
}

fn credentials(key: &str, names: &[String]) -> Result<Vec<Credential>, String> {
    names.iter().map(|n| Credential::parse(n).ok_or_else(|| format!("{key}.credentials: `{n}` is no credential"))).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    id: String,
    name: String,
    noun: String,
    documentation: String,
    freeze: Timestamp,
    removal: Timestamp,
    legacy: Predicate,
    replacement: Predicate,
    #[serde(default)]
    moved: Vec<Moved>,
    #[serde(default)]
    brownout: Vec<Brownout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    credentials: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    was: Timestamp,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Brownout {
    from: jiff::civil::Date,
    to: jiff::civil::Date,
    minutes: i64,
    starts: Vec<Time>,
    published: bool,
}

/// No brownout row spans more days than this; a longer one is a slip of the pen.
const MAX_ROW_DAYS: usize = 400;

impl Brownout {
    fn expand(&self, windows: &mut Vec<Window>) -> Result<(), String> {
        if self.to < self.from || !(1..=1_440).contains(&self.minutes) {
            return Err(format!("brownout: the row from {} has no days or no minutes", self.from));
        }
        for date in self.from.series(jiff::Span::new().days(1)).take_while(|d| *d <= self.to).take(MAX_ROW_DAYS) {
            for start in &self.starts {
                let at = date.to_datetime(*start).to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?;
                let from_ms = at.timestamp().as_millisecond();
                windows.push(Window { from_ms, to_ms: from_ms + self.minutes * 60_000, published: self.published });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app_passwords() -> Campaign {
        Campaign::parse(APP_PASSWORDS).expect("the built-in campaign is valid")
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a valid instant").as_millisecond()
    }

    #[test]
    fn windows_include_their_start_and_exclude_their_end() {
        let campaign = app_passwords();
        assert_eq!(campaign.window_at(at("2026-06-08T23:59:59.999Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-06-09T00:00:00Z")), WindowKind::Published);
        assert_eq!(campaign.window_at(at("2026-06-09T18:07:00Z")), WindowKind::Published);
        assert_eq!(campaign.window_at(at("2026-06-09T18:15:00Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-07-27T22:59:59Z")), WindowKind::Extrapolated);
        assert_eq!(campaign.window_at(at("2026-07-27T23:00:00Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-07-28T00:00:00Z")), WindowKind::Outside);
        assert_eq!(campaign.windows.len(), 49 * 4);
    }

    #[test]
    fn the_next_windows_include_the_one_that_is_running() {
        let campaign = app_passwords();
        let now = "2026-07-03T07:00:00Z".parse().expect("a valid instant");
        let next = campaign.windows_after(now, 2);
        assert_eq!(next.iter().map(|w| Day::of_ms(w.from_ms).to_string()).collect::<Vec<_>>(), ["2026-07-03", "2026-07-03"]);
        assert!(campaign.windows_after("2026-07-28T00:00:00Z".parse().expect("a valid instant"), 5).is_empty());
    }

    #[test]
    fn slips_in_a_file_are_named() {
        let broken = |from: &str, to: &str| Campaign::parse(&APP_PASSWORDS.replace(from, to)).expect_err("refused");
        assert!(broken("\"app_password\"", "\"app_pasword\"").contains("app_pasword"));
        assert!(broken("minutes = 15", "minutes = 1000").contains("overlap"));
        assert!(broken("noun", "nuon").contains("nuon"));
    }
}
