//! The catalogue's file: its keys, what a row inherits, and what is wrong with it, by line.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Client,
    steps::{self, Secret, Surfaces},
    version::Bound,
};
use crate::evidence::{Category, settings::suggestion};

/// The way of a row that names none: it works for everything that a person's app password did.
const DEFAULT_WAY: &str = "api-token";

/// What a row of the organisation's own may leave out.
const DEFAULT_SCOPES: &str = "read:repository:bitbucket";
const DEFAULT_CONFIDENCE: &str = "medium";

/// One thing that is wrong with a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueFault {
    /// Counted from 1; 0 where the fault has no line.
    pub line: usize,
    pub words: String,
}

impl fmt::Display for CatalogueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.words),
            line => write!(f, "line {line}: {}", self.words),
        }
    }
}

/// What replaces an app password, and what everybody has to know who goes that way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    pub(super) id: String,
    pub(super) replacement: String,
    pub(super) documentation: String,
    pub(super) create: Vec<String>,
    pub(super) git: Option<String>,
    pub(super) rest: Option<String>,
    #[serde(default)]
    pub(super) traps: Vec<String>,
    #[serde(default)]
    pub(super) traps_both: Vec<String>,
    #[serde(default)]
    pub(super) traps_git: Vec<String>,
    pub(super) prove_git: Option<String>,
    pub(super) prove_push: Option<String>,
    pub(super) prove_rest: Option<String>,
    /// Of a credential that gets its tokens by itself.
    pub(super) prove_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlsoRow {
    purpose: String,
    way: String,
    on: Option<String>,
    scopes: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryRow {
    name: String,
    owner: String,
    change: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    way: Vec<Way>,
    #[serde(default)]
    category: Vec<CategoryRow>,
    client: Vec<Spanned<Row>>,
}

/// An organisation's own file holds rows only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Additions {
    #[serde(default)]
    client: Vec<Spanned<Row>>,
}

/// Declares the keys of a row, each of which may be left out.
macro_rules! row {
    ($($key:ident: $kind:ty),+ $(,)?) => {
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Row {
            id: String,
            $($key: Option<$kind>),+
        }

        impl Row {
            /// What this row leaves out comes from `base`.
            fn over(self, base: &Self) -> Self {
                Self { id: self.id, $($key: self.$key.or_else(|| base.$key.clone())),+ }
            }
        }
    };
}

row!(
    name: String,
    category: String,
    user_agent: String,
    unverified: String,
    example: String,
    shows_as: Vec<String>,
    words: Vec<String>,
    replacement: String,
    username: String,
    scopes: String,
    documentation: String,
    confidence: String,
    way: String,
    on: String,
    needs: String,
    too_old: Vec<String>,
    before: Vec<String>,
    change: Vec<String>,
    traps: Vec<String>,
    also: AlsoRow,
);

/// What was read: rows in matching order, and the ways that they name.
#[derive(Default)]
pub(super) struct Read {
    pub(super) ways: Vec<Way>,
    pub(super) clients: Vec<Client>,
    pub(super) faults: Vec<CatalogueFault>,
    /// By client number, the line of a row that was added.
    pub(super) lines: Vec<usize>,
}

/// Reads the compiled-in catalogue, and rows of the organisation's own that stand before it.
pub(super) fn read(catalogue: &str, additions: &str) -> Read {
    let mut read = Read::default();
    let Some(wire) = read.parsed::<Wire>(catalogue) else { return read };
    let Some(added) = read.parsed::<Additions>(additions) else { return read };
    let located = |row: Spanned<Row>, text| (Place { text, at: row.span().start }, row.into_inner());
    let mut added: Vec<(Place<'_>, Row)> = added.client.into_iter().map(|row| located(row, additions)).collect();
    for (_, row) in &mut added {
        if let Some(base) = wire.client.iter().find(|base| base.get_ref().id == row.id) {
            let base =
                Row { example: base.get_ref().example.clone().filter(|_| row.user_agent.is_none()), ..base.get_ref().clone() };
            *row = row.clone().over(&base);
        }
    }
    let replaced = |row: &Spanned<Row>| added.iter().any(|(_, own)| own.id == row.get_ref().id);
    let kept: Vec<_> = wire.client.iter().filter(|row| !replaced(row)).map(|row| located(row.clone(), catalogue)).collect();
    for (own, (place, row)) in added.into_iter().map(|row| (true, row)).chain(kept.into_iter().map(|row| (false, row))) {
        let id = row.id.clone();
        if read.clients.iter().any(|client| client.id == id) {
            read.fault(place.line(), format!("client `{id}` stands twice"));
            continue;
        }
        match checked(row, own, &wire.way, &wire.category) {
            Ok(client) => {
                read.clients.push(client);
                read.lines.push(if own { place.line() } else { 0 });
            }
            Err(why) => read.fault(place.line(), format!("client `{id}`: {why}")),
        }
    }
    read.ways = wire.way;
    read
}

impl Read {
    fn parsed<T: serde::de::DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        match toml::from_str(text) {
            Ok(wire) => Some(wire),
            Err(error) => {
                let line = error.span().map_or(0, |span| Place { text, at: span.start }.line());
                self.fault(line, plain(error.message()));
                None
            }
        }
    }

    pub(super) fn fault(&mut self, line: usize, words: String) {
        self.faults.push(CatalogueFault { line, words });
    }
}

/// The deserializer's words in those of the other files: it lists every key that it knows.
fn plain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first = quoted.next().unwrap_or_default();
    match message.split(" `").next() {
        Some("unknown field") => format!("`{first}` is an unknown key{}", suggestion(first, &quoted.collect::<Vec<_>>())),
        Some("missing field") => format!("`{first}` is missing"),
        _ => message.to_owned(),
    }
}

/// Where something stands; the lines before it are counted for whoever asks.
struct Place<'a> {
    text: &'a str,
    at: usize,
}

impl Place<'_> {
    fn line(&self) -> usize {
        self.text.get(..self.at).map_or(0, |before| before.matches('\n').count() + 1)
    }
}

fn checked(row: Row, own: bool, ways: &[Way], categories: &[CategoryRow]) -> Result<Client, String> {
    let named = |key: &str, value: Option<String>| value.ok_or_else(|| format!("`{key}` is missing"));
    if row.id.trim().is_empty() {
        return Err("`id` is empty".to_owned());
    }
    let category = named("category", row.category)?;
    let known = Category::parse(&category).ok_or_else(|| {
        let all: Vec<_> = Category::ALL.iter().map(|known| known.as_str()).collect();
        format!("`{category}` is no category{}", suggestion(&category, &all))
    })?;
    let scopes = row.scopes.unwrap_or_else(|| DEFAULT_SCOPES.to_owned());
    let way = position(ways, row.way.as_deref().unwrap_or(DEFAULT_WAY))?;
    let common = categories.iter().find(|one| one.name == category);
    // Those that are compiled in are compiled when they are needed, and by a test.
    for pattern in [&row.user_agent, &row.unverified].into_iter().flatten().filter(|_| own) {
        regex::Regex::new(pattern).map_err(|error| error.to_string())?;
    }
    let too_old = row.too_old.unwrap_or_default();
    let bound = |text: &String| {
        Bound::parse(text).ok_or_else(|| format!("too_old: `{text}` is not of the form `< 3.4.24` or `<= 9.6.15`"))
    };
    let first = Secret { purpose: String::new(), way, surfaces: surfaces(row.on.as_deref())?, scopes };
    let second = row.also.map(|also| second(also, ways)).transpose()?;
    let secrets: Vec<Secret> = [Some(first), second].into_iter().flatten().collect();
    Ok(Client {
        name: row.name.unwrap_or_else(|| row.id.clone()),
        category: known,
        user_agent: row.user_agent,
        unverified: row.unverified,
        example: row.example,
        shows_as: row.shows_as.unwrap_or_default(),
        words: row.words.unwrap_or_default(),
        replacement: row.replacement.unwrap_or_else(|| ways[way].replacement.clone()),
        username: row.username.unwrap_or_else(|| usernames(&ways[way])),
        scopes: steps::scopes(&secrets),
        documentation: row.documentation.unwrap_or_else(|| ways[way].documentation.clone()),
        confidence: row.confidence.unwrap_or_else(|| DEFAULT_CONFIDENCE.to_owned()),
        secrets,
        needs: row.needs.unwrap_or_default(),
        too_old: too_old.iter().map(bound).collect::<Result<_, _>>()?,
        before: row.before.unwrap_or_default(),
        change: row.change.unwrap_or_else(|| common.map_or_else(Vec::new, |common| common.change.clone())),
        traps: row.traps.unwrap_or_default(),
        usual_owner: common.map_or_else(String::new, |common| common.owner.clone()),
        id: row.id,
    })
}

fn second(also: AlsoRow, ways: &[Way]) -> Result<Secret, String> {
    let AlsoRow { purpose, way, on, scopes } = also;
    Ok(Secret { purpose, way: position(ways, &way)?, surfaces: surfaces(on.as_deref())?, scopes })
}

fn position(ways: &[Way], id: &str) -> Result<usize, String> {
    let known = || format!("`{id}` is no way; there are: {}", listed(ways.iter().map(|way| &way.id)));
    ways.iter().position(|way| way.id == id).ok_or_else(known)
}

fn surfaces(on: Option<&str>) -> Result<Surfaces, String> {
    match on {
        None | Some("both") => Ok(Surfaces { git: true, rest: true }),
        Some("git") => Ok(Surfaces { git: true, rest: false }),
        Some("rest") => Ok(Surfaces { git: false, rest: true }),
        Some(other) => Err(format!("on is `{other}`, not git, rest or both")),
    }
}

fn usernames(way: &Way) -> String {
    let names = [("git", &way.git), ("REST", &way.rest)];
    let names = names.into_iter().filter_map(|(surface, name)| Some(format!("{surface}: {}", name.as_ref()?)));
    names.collect::<Vec<_>>().join("; ")
}

fn listed(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
