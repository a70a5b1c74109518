//! Files that people write: reads TOML tables key by key, remembers where each key stands, and collects every fault instead
//! of stopping at the first. What the user leaves out comes from a table of defaults: a section's own table there, or for
//! `[[section]]` the first element.
//!
//! The configuration and the campaigns are read so. A text may carry something that its readers need on the way (`S`: the
//! configuration's rule for secrets).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
    ops::Range,
    sync::LazyLock,
};

use jiff::Timestamp;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Day, redact};

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// Counted from 1; 0 where the fault has no line (a key that is missing altogether).
    pub line: usize,
    /// The full path of the key: `organization[0].api_key`.
    pub key: String,
    pub words: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", self.file, self.key, self.words),
            line => write!(f, "{}:{line}: {}: {}", self.file, self.key, self.words),
        }
    }
}

/// Stands for the defaults of a file that has none.
pub static NO_DEFAULTS: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);

/// A TOML text and the faults found in it.
pub struct Document<'a, S = ()> {
    file: String,
    text: &'a str,
    carried: S,
    faults: RefCell<Vec<Fault>>,
    /// Some of the text is no TOML.
    unread: Cell<bool>,
}

impl<'a, S> Document<'a, S> {
    pub fn new(file: &str, text: &'a str, carried: S) -> Self {
        Self { file: file.to_owned(), text, carried, faults: RefCell::default(), unread: Cell::default() }
    }

    /// The whole table; a file that is no TOML at all is one fault.
    pub fn parse(&self) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        self.unread.set(!errors.is_empty());
        for error in errors {
            self.fault(error.span(), "", error.message().to_owned());
        }
        table.into_inner()
    }

    pub fn fault(&self, span: Option<Range<usize>>, key: &str, words: impl Into<String>) {
        let line = span.map_or(0, |s| self.text.get(..s.start).map_or(0, |before| before.matches('\n').count() + 1));
        let key = if key.is_empty() { "(file)" } else { key };
        let words = without_secrets(&words.into());
        self.faults.borrow_mut().push(Fault { file: self.file.clone(), line, key: key.to_owned(), words });
    }

    /// The faults, in the order of the file, those of files that it names behind them.
    pub fn finish(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        if self.unread.get() {
            // What seems to be missing from a file may stand where it could not be read.
            faults.retain(|fault| fault.line > 0 || fault.file != self.file);
        }
        faults.sort_by_key(|f| (f.file != self.file, f.line));
        faults
    }
}

type Table<'a> = DeTable<'a>;
type Value<'a> = Spanned<DeValue<'a>>;

/// A secret may stand where something else belongs, and what stands there is quoted.
fn without_secrets(words: &str) -> String {
    let clean = |words: &str, quote: &str| {
        let parts = words.split(quote).enumerate();
        let clean = parts.map(|(n, part)| if n % 2 == 1 { redact::scrub(part).into_owned() } else { part.to_owned() });
        clean.collect::<Vec<_>>().join(quote)
    };
    clean(&clean(words, "`"), "\"")
}

/// One table of the document over its defaults.
pub struct Section<'d, 'a, S = ()> {
    document: &'d Document<'a, S>,
    path: String,
    span: Option<Range<usize>>,
    user: Option<&'d Table<'a>>,
    default: Option<&'d Table<'a>>,
    known: RefCell<BTreeSet<&'static str>>,
}

fn number_of(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) => n.to_string().parse().ok(),
        DeValue::Float(n) => n.to_string().parse().ok(),
        _ => None,
    }
}

fn strings_of(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect()
}

impl<'d, 'a, S> Section<'d, 'a, S> {
    pub fn root(document: &'d Document<'a, S>, user: &'d Table<'a>, default: &'d Table<'a>) -> Self {
        Self { document, path: String::new(), span: None, user: Some(user), default: Some(default), known: RefCell::default() }
    }

    /// The full path of a key.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn fault(&self, key: &'static str, words: impl Into<String>) {
        let span = self.user_value(key).map(Spanned::span).or_else(|| self.span.clone());
        self.document.fault(span, &self.path_of(key), words);
    }

    /// A fault of one element of `[[key]]`, by its number.
    pub fn fault_of(&self, key: &'static str, number: usize, words: impl Into<String>) {
        let element = self.user_value(key).and_then(|value| value.get_ref().as_array()?.get(number));
        self.document.fault(element.map(Spanned::span), &format!("{}[{number}]", self.path_of(key)), words);
    }

    /// Takes over what is wrong with a file that this one names.
    pub fn adopt(&self, faults: Vec<Fault>) {
        let clean = |fault: Fault| Fault { words: without_secrets(&fault.words), ..fault };
        self.document.faults.borrow_mut().extend(faults.into_iter().map(clean));
    }

    /// How many faults were found in the document so far: whether a part of it was read without any.
    pub fn fault_count(&self) -> usize {
        self.document.faults.borrow().len()
    }

    /// What the text carries for its readers.
    pub fn carried(&self) -> &S {
        &self.document.carried
    }

    fn user_value(&self, key: &'static str) -> Option<&'d Value<'a>> {
        self.known.borrow_mut().insert(key);
        self.user.and_then(|t| t.get(key))
    }

    /// The user's value, else the default one.
    fn find(&self, key: &'static str) -> Option<&'d DeValue<'a>> {
        let value = self.user_value(key).or_else(|| self.default.and_then(|t| t.get(key)));
        value.map(Spanned::get_ref)
    }

    /// A sub-table; when the user has none, only its defaults.
    pub fn table(&self, key: &'static str) -> Self {
        let value = self.user_value(key);
        let user = value.and_then(|v| v.get_ref().as_table());
        if value.is_some() && user.is_none() {
            self.fault(key, "must be a table");
        }
        let default = self.default.and_then(|t| t.get(key)).and_then(|v| v.get_ref().as_table());
        Self {
            document: self.document,
            path: self.path_of(key),
            span: value.map(Spanned::span),
            user,
            default,
            known: RefCell::default(),
        }
    }

    /// What the user's file says, as it stands there; for keys that take values of several forms.
    pub fn value(&self, key: &'static str) -> Option<&'d DeValue<'a>> {
        self.user_value(key).map(Spanned::get_ref)
    }

    /// True when the user's file has the key.
    pub fn has(&self, key: &'static str) -> bool {
        self.user_value(key).is_some()
    }

    /// The elements of `[[key]]`, each over the first element of the defaults.
    pub fn tables(&self, key: &'static str) -> Vec<Self> {
        let default = self.default.and_then(|t| t.get(key)).and_then(|v| v.get_ref().as_array()).and_then(|a| a.first());
        let default = default.and_then(|v| v.get_ref().as_table());
        let Some(value) = self.user_value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.fault(key, format!("must be a list of tables: write [[{}]]", self.path_of(key)));
            return Vec::new();
        };
        let element = |(n, v): (usize, &'d Value<'a>)| {
            let path = format!("{}[{n}]", self.path_of(key));
            let user = v.get_ref().as_table();
            if user.is_none() {
                self.document.fault(Some(v.span()), &path, "must be a table");
            }
            Self { document: self.document, path, span: Some(v.span()), user, default, known: RefCell::default() }
        };
        array.iter().enumerate().map(element).collect()
    }

    pub fn string(&self, key: &'static str) -> Option<String> {
        let found = self.find(key)?;
        let text = found.as_str().map(str::to_owned);
        if text.is_none() {
            self.fault(key, "must be text in quotes");
        }
        text.filter(|t| !t.is_empty())
    }

    /// A text that is empty only where its default is: it would stand for another default, which nobody can read. `empty` says so.
    fn stated(&self, key: &'static str, empty: &str) -> Option<String> {
        let text = self.string(key);
        let default = self.default.and_then(|t| t.get(key)).and_then(|v| v.get_ref().as_str());
        let emptied =
            text.is_none() && default.is_some_and(|text| !text.is_empty()) && self.find(key).is_some_and(DeValue::is_str);
        // In a text that is no TOML, what is left of a value may be nothing.
        if emptied && !self.document.unread.get() {
            self.fault(key, empty);
        }
        text
    }

    /// A text that has no default.
    pub fn required(&self, key: &'static str) -> String {
        if self.find(key).is_none() {
            self.fault(key, "is missing");
            return String::new();
        }
        let text = self.string(key);
        if text.is_none() && self.find(key).is_some_and(DeValue::is_str) {
            self.fault(key, "must not be empty");
        }
        text.unwrap_or_default()
    }

    pub fn strings(&self, key: &'static str) -> Vec<String> {
        let Some(found) = self.find(key) else { return Vec::new() };
        strings_of(found).unwrap_or_else(|| {
            self.fault(key, "must be a list of texts: [\"…\"]");
            Vec::new()
        })
    }

    pub fn number(&self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> f64 {
        let Some(found) = self.find(key) else {
            self.fault(key, "is missing");
            return *range.start();
        };
        match number_of(found) {
            Some(n) if range.contains(&n) => n,
            Some(n) => {
                self.fault(key, format!("{n} is out of range: {} to {}", range.start(), range.end()));
                *range.start()
            }
            None => {
                self.fault(key, "must be a number");
                *range.start()
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the range")]
    pub fn count(&self, key: &'static str, range: std::ops::RangeInclusive<u32>) -> u32 {
        let number = self.number(key, f64::from(*range.start())..=f64::from(*range.end()));
        if number.fract() != 0.0 {
            self.fault(key, format!("{number} must be a whole number"));
        }
        number as u32
    }

    pub fn boolean(&self, key: &'static str) -> bool {
        let found = self.find(key).map(DeValue::as_bool);
        if found.flatten().is_none() {
            self.fault(key, if found.is_none() { "is missing" } else { "must be true or false" });
        }
        found.flatten().unwrap_or_default()
    }

    /// A duration with its unit: `"10s"`, `"15m"`, `"6h"`, `"7d"`, in seconds.
    pub fn seconds(&self, key: &'static str) -> Option<u64> {
        self.spelled_seconds(key, "must not be empty: write \"10s\", \"15m\", \"6h\" or \"7d\"")
    }

    fn spelled_seconds(&self, key: &'static str, empty: &str) -> Option<u64> {
        if let Some(DeValue::Integer(number)) = self.find(key) {
            self.fault(key, format!("{number} is no duration: {WRITE_DURATION}"));
            return None;
        }
        let text = self.stated(key, empty)?;
        checked_duration(&text).map_err(|words| self.fault(key, words)).ok()
    }

    /// How long something takes, or how far apart it comes: never nothing.
    pub fn duration(&self, key: &'static str) -> std::time::Duration {
        let (faults, nothing) = (self.fault_count(), "must not be empty or nothing: write \"10s\", \"15m\", \"6h\" or \"7d\"");
        let seconds = self.spelled_seconds(key, nothing).filter(|seconds| *seconds > 0);
        if seconds.is_none() && self.fault_count() == faults && !self.document.unread.get() {
            self.fault(key, nothing);
        }
        std::time::Duration::from_secs(seconds.unwrap_or(1))
    }

    /// A duration in whole days.
    pub fn days(&self, key: &'static str) -> Option<i32> {
        let seconds = self.spelled_seconds(key, "must not be empty: write whole days, such as \"14d\"")?;
        whole_days(seconds).map_err(|words| self.fault(key, words)).ok()
    }

    /// An RFC 3339 instant or a date, in quotes.
    pub fn instant(&self, key: &'static str) -> Option<Timestamp> {
        let text = self.string(key)?;
        let at = text.parse::<Timestamp>().ok().or_else(|| Day::parse(&text).map(Day::start));
        if at.is_none() {
            self.fault(key, format!("`{text}` is no date: write \"2026-07-28\" or \"2026-07-28T00:00:00Z\""));
        }
        at
    }

    /// A required date.
    pub fn date(&self, key: &'static str) -> jiff::civil::Date {
        let text = self.required(key);
        let fault = || {
            if !text.is_empty() {
                self.fault(key, format!("`{text}` is no date: write \"2026-08-31\""));
            }
            jiff::civil::Date::ZERO
        };
        Day::parse(&text).map_or_else(fault, Day::date)
    }

    /// Something that is read from a text by `parse`, whose error is in words.
    pub fn parsed<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.stated(key, "must not be empty")?;
        parse(&text).map_err(|words| self.fault(key, words)).ok()
    }

    /// The same of what is off when it is empty, whatever its default is.
    pub fn parsed_or_off<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.string(key)?;
        parse(&text).map_err(|words| self.fault(key, words)).ok()
    }

    /// A table whose keys are the user's own words, with texts as values.
    pub fn map(&self, key: &'static str) -> Vec<(String, String)> {
        let Some(value) = self.user_value(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.fault(key, "must be a table: { name = \"value\" }");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in table {
            match value.get_ref().as_str() {
                Some(text) => pairs.push((name.get_ref().to_string(), text.to_owned())),
                None => self.fault(key, format!("`{}` must be text in quotes", name.get_ref())),
            }
        }
        pairs
    }

    /// Call last: every key of the user's that nobody asked for is a fault, with the nearest one that exists.
    pub fn finish(self) {
        let known = self.known.borrow();
        for (key, value) in self.user.into_iter().flatten() {
            let name: &str = key.get_ref();
            if known.contains(name) {
                continue;
            }
            let words = match nearest(name, known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; known here: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.document.fault(Some(key.span()).or_else(|| Some(value.span())), &self.path_of(name), words);
        }
    }

    /// The keys of the defaults that nobody asked for.
    #[cfg(test)]
    pub fn unread_defaults(&self) -> Vec<String> {
        let known = self.known.borrow();
        let keys = self.default.into_iter().flatten().map(|(key, _)| key.get_ref().to_string());
        keys.filter(|key| !known.contains(key.as_str())).map(|key| self.path_of(&key)).collect()
    }
}

/// Seconds of a number with a unit.
pub fn parse_duration(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.bytes().all(|digit| digit.is_ascii_digit()).then(|| number.parse().ok())??;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}

const WRITE_DURATION: &str = "write a number and a unit in quotes, such as \"10s\", \"15m\", \"6h\" or \"7d\"";

fn checked_duration(text: &str) -> Result<u64, String> {
    parse_duration(text).ok_or_else(|| {
        let near = near_duration(text).filter(|near| near != text);
        let near = near.map_or_else(|| format!(": {WRITE_DURATION}"), |near| format!("; did you mean `{near}`?"));
        format!("`{text}` is no duration{near}")
    })
}

/// As [`Section::days`], of a text that stands in no section.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_days(text: &str) -> Result<i32, String> {
    whole_days(checked_duration(text)?)
}

fn whole_days(seconds: u64) -> Result<i32, String> {
    if !seconds.is_multiple_of(86_400) {
        return Err("must be whole days, such as \"14d\"".to_owned());
    }
    let days = i32::try_from(seconds / 86_400).ok().filter(|days| *days <= MOST_DAYS);
    days.ok_or_else(|| format!("is too long: {MOST_DAYS} days at most"))
}

/// A century; what is longer is a slip of the pen, and no calendar reaches that far.
const MOST_DAYS: i32 = 36_500;

/// What somebody meant who spelt out the unit.
fn near_duration(text: &str) -> Option<String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    match text[digits..].trim().to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" | "s" => Some(format!("{number}s")),
        "min" | "mins" | "minute" | "minutes" | "m" => Some(format!("{number}m")),
        "hr" | "hrs" | "hour" | "hours" | "h" => Some(format!("{number}h")),
        "day" | "days" | "d" => Some(format!("{number}d")),
        "week" | "weeks" | "w" => Some(format!("{}d", number.checked_mul(7)?)),
        _ => None,
    }
}

/// What to say behind a word that is not among the known ones.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known here: {}", known.join(", ")),
    }
}

const MAX_TYPED: usize = 256;

/// The known word with the fewest edits (Levenshtein), if they are few for its length.
pub fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Nobody mistypes so long a word, and comparing takes its length times the other's.
    if word.len() > MAX_TYPED {
        return None;
    }
    let scored = known.map(|k| (edits(word, k), k)).min()?;
    (scored.0 <= 1 + word.len().min(scored.1.len()) / 4).then_some(scored.1)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
