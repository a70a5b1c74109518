//! Reads a campaign's file, and names every slip in it.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::{Campaign, Expiry, Kind, MovedDate, Pair, Predicate, Window, Words};
use crate::evidence::{
    Credential, Day, Outcome,
    place::{HOSTS, is_bitbucket_host},
    settings::{Document, Fault, NO_DEFAULTS, Section, suggestion},
};

/// No brownout row spans more days than this; a longer one is a slip of the pen.
const MAX_ROW_DAYS: usize = 400;
const MINUTES_PER_DAY: u32 = 1_440;
const MAX_ID: usize = 64;

/// Reads a campaign's file, whose name faults carry. A removal date overrides the one in it, which then becomes one that
/// moved.
///
/// # Errors
/// Every slip, with its line and the nearest spelling: unknown keys, kinds, credentials, hosts and outcomes, dates and
/// times that are none, windows that overlap, a freeze after the removal, a predicate without any condition.
pub fn read(file: &str, text: &str, removal: Option<Timestamp>) -> Result<Kind, Vec<Fault>> {
    let document = Document::new(file, text, ());
    let table = document.parse();
    let root = Section::root(&document, &table, &NO_DEFAULTS);
    let kind = match root.string("kind").as_deref() {
        None | Some("use") => Kind::Use(Box::new(campaign(&root, removal))),
        Some("expiry") => Kind::Expiry(expiry(&root)),
        Some(other) => {
            root.fault("kind", format!("`{other}` is no kind of campaign{}", suggestion(other, &["use", "expiry"])));
            return Err(document.finish());
        }
    };
    root.finish();
    let faults = document.finish();
    if faults.is_empty() { Ok(kind) } else { Err(faults) }
}

fn campaign(root: &Section, overriding: Option<Timestamp>) -> Campaign {
    let own = required_instant(root, "removal");
    let removal = overriding.or(own).unwrap_or_default();
    let mut moved: Vec<MovedDate> = root.tables("moved").into_iter().map(moved_date).collect();
    if let Some(own) = own.filter(|own| *own != removal) {
        moved.push(MovedDate { was: own, reason: "overridden by the configuration".to_owned() });
    }
    let freeze = root.instant("freeze");
    if own.is_some() && freeze.is_some_and(|freeze| freeze > removal) {
        root.fault("freeze", "lies after the removal");
    }
    let mut windows = windows(root);
    windows.retain(|window| window.from_ms < removal.as_millisecond());
    let (legacy, documentation) = (predicate(root, "legacy", Outcome::ALL), text(root, "documentation"));
    // What clients do about app passwords stands in their catalogue.
    let elsewhere = !legacy.names(Credential::AppPassword);
    let announced = || elsewhere.then(|| format!("Do what the announcement says: {documentation}"));
    Campaign {
        id: id(root),
        name: text(root, "name"),
        words: words(root),
        advice: root.string("advice").or_else(announced),
        legacy,
        replacement: predicate(root, "replacement", &[Outcome::Accepted]),
        freeze,
        removal,
        moved,
        windows,
        documentation,
    }
}

fn expiry(root: &Section) -> Expiry {
    let expiring = root.table("expiring");
    let credentials = spelt(&expiring, "credentials", "credential", Credential::parse, Credential::ALL);
    if !expiring.has("credentials") {
        root.fault("expiring", "needs `credentials`: the kinds that it speaks of");
    }
    expiring.finish();
    Expiry {
        id: id(root),
        name: text(root, "name"),
        noun: text(root, "noun"),
        credentials,
        documentation: text(root, "documentation"),
        advice: text(root, "advice"),
    }
}

/// It becomes an attribute of metrics and a column of tables.
fn id(root: &Section) -> String {
    let id = root.required("id");
    if id.len() > MAX_ID || id.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\')) {
        root.fault("id", "must be a short word without blanks or slashes");
    }
    id
}

/// Stands in sentences and in the subjects of mails.
fn text(section: &Section, key: &'static str) -> String {
    let text = section.required(key);
    if text.chars().any(char::is_control) {
        section.fault(key, "must be one line");
    }
    text
}

fn required_instant(section: &Section, key: &'static str) -> Option<Timestamp> {
    if !section.has(key) {
        section.fault(key, "is missing");
    }
    section.instant(key)
}

fn words(root: &Section) -> Words {
    let (section, fitting) = (root.table("words"), Words::of(&text(root, "noun")));
    let words = Words {
        one: section.string("one").unwrap_or(fitting.one),
        many: fitting.many,
        uses: pair(&section, "uses").unwrap_or(fitting.uses),
        ends: section.string("ends").unwrap_or(fitting.ends),
        ended: section.string("ended").unwrap_or(fitting.ended),
        leftover: pair(&section, "leftover").unwrap_or(fitting.leftover),
        replacement: section.string("replacement"),
    };
    section.finish();
    words
}

fn pair(section: &Section, key: &'static str) -> Option<Pair> {
    match section.strings(key).as_slice() {
        [] => None,
        [one, many] => Some(Pair::new(one, many)),
        _ => {
            section.fault(key, "must be two texts, for one and for many: [\"…\", \"…\"]");
            None
        }
    }
}

fn predicate(root: &Section, key: &'static str, outcomes: &[Outcome]) -> Predicate {
    let section = root.table(key);
    let given = spelt(&section, "outcomes", "outcome", Outcome::parse, Outcome::ALL);
    let conditions = ["credentials", "hosts", "workspaces"].map(|condition| section.has(condition));
    if !conditions.contains(&true) {
        root.fault(key, "needs a condition: credentials, hosts or workspaces");
    }
    let predicate = Predicate {
        credentials: spelt(&section, "credentials", "credential", Credential::parse, Credential::ALL),
        hosts: section.strings("hosts").into_iter().map(|host| checked_host(&section, &host)).collect(),
        workspaces: section.strings("workspaces").into_iter().map(|name| name.to_lowercase()).collect(),
        outcomes: if given.is_empty() { outcomes.to_vec() } else { given },
    };
    section.finish();
    predicate
}

/// Evidence of other hosts is not kept, and the port that goes without saying stands in none.
fn checked_host(section: &Section, host: &str) -> String {
    let host = host.to_lowercase();
    if !is_bitbucket_host(&host) {
        section.fault("hosts", format!("`{host}` is no host of Bitbucket{}", suggestion(&host, &HOSTS)));
    } else if !host.starts_with("altssh.") && (host.ends_with(":443") || host.ends_with(":80")) {
        section.fault("hosts", format!("`{host}`: the port goes without saying: leave it out"));
    }
    host
}

fn spelt<T: Copy + std::fmt::Display>(
    section: &Section,
    key: &'static str,
    noun: &str,
    parse: fn(&str) -> Option<T>,
    all: &[T],
) -> Vec<T> {
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let read = |name: String| {
        let value = parse(&name);
        if value.is_none() {
            section.fault(key, format!("`{name}` is no {noun}{}", suggestion(&name, &known)));
        }
        value
    };
    section.strings(key).into_iter().filter_map(read).collect()
}

fn moved_date(section: Section) -> MovedDate {
    let was = required_instant(&section, "was").unwrap_or_default();
    let moved = MovedDate { was, reason: section.required("reason") };
    section.finish();
    moved
}

fn windows(root: &Section) -> Vec<Window> {
    let mut windows: Vec<Window> = root.tables("brownout").into_iter().flat_map(brownout).collect();
    windows.sort_by_key(|window| window.from_ms);
    if let Some(pair) = windows.windows(2).find(|pair| pair[0].to_ms > pair[1].from_ms) {
        root.fault("brownout", format!("two windows overlap on {}", Day::of_ms(pair[1].from_ms)));
    }
    windows
}

/// The windows of one row: the same times on each of its days.
fn brownout(section: Section) -> Vec<Window> {
    let (from, to) = (section.date("from"), section.date("to"));
    let minutes = i64::from(section.count("minutes", 1..=MINUTES_PER_DAY));
    let published = section.boolean("published");
    let starts: Vec<Time> = section.strings("starts").iter().filter_map(|text| start(&section, text)).collect();
    if to < from {
        section.fault("to", "lies before `from`");
    } else if !section.has("starts") {
        section.fault("starts", "is missing");
    }
    section.finish();
    let window = |(date, start): (Date, Time)| {
        let from_ms = date.to_datetime(start).to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Window { from_ms, to_ms: from_ms + minutes * 60_000, published })
    };
    let days = from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).take(MAX_ROW_DAYS);
    days.flat_map(|day| starts.iter().map(move |start| (day, *start))).filter_map(window).collect()
}

fn start(section: &Section, text: &str) -> Option<Time> {
    let time = text.parse().ok();
    if time.is_none() {
        section.fault("starts", format!("`{text}` is no time of day: write \"06:00\""));
    }
    time
}
