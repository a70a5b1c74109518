//! What the organisation's actions are about. Their ids are not documented: the catalogue of the API itself tells, by the
//! names that an administrator reads.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;

static BITBUCKET: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)bitbucket"));
static CREDENTIAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(token|app password|api key|access key|deploy key|ssh key|oauth|credential)s?\b"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern is valid")
}

/// What an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Done in Bitbucket: somebody was signed in.
    Bitbucket,
    /// Done to a credential elsewhere: tells about people and tokens.
    Credential,
    Other,
}

/// The catalogue of actions. Empty, it judges by the ids alone.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    kinds: HashMap<String, Kind>,
}

impl Actions {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let rows = catalogue.data.iter().filter_map(|row| serde_json::from_str::<Row>(row.get()).ok());
        Self { kinds: rows.map(|row| (kind_of(&row.words()), row.id)).map(|(kind, id)| (id, kind)).collect() }
    }

    /// How many actions concern Bitbucket, and how many credentials elsewhere. No Bitbucket action at all means that the
    /// workspaces are not linked to the organisation, not that nothing happened.
    pub fn counts(&self) -> (usize, usize) {
        let count = |kind| self.kinds.values().filter(|k| **k == kind).count();
        (count(Kind::Bitbucket), count(Kind::Credential))
    }

    pub(super) fn kind(&self, action: &str) -> Kind {
        self.kinds.get(action).copied().unwrap_or_else(|| kind_of(&action.replace(['_', '-', '.'], " ")))
    }

    /// Whether the catalogue was read and does not list this action.
    pub(super) fn misses(&self, action: &str) -> bool {
        !self.kinds.is_empty() && !self.kinds.contains_key(action)
    }
}

fn kind_of(words: &str) -> Kind {
    if BITBUCKET.is_match(words) {
        Kind::Bitbucket
    } else if CREDENTIAL.is_match(words) {
        Kind::Credential
    } else {
        Kind::Other
    }
}

#[derive(Deserialize)]
pub(super) struct Catalogue {
    data: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    attributes: Option<Attributes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    display_name: Option<String>,
    group_display_name: Option<String>,
    group_display_names: Option<Vec<String>>,
}

impl Row {
    /// Everything that the catalogue says of the action, its id included.
    fn words(&self) -> String {
        let mut words = self.id.replace(['_', '-', '.'], " ");
        if let Some(attributes) = &self.attributes {
            let groups = attributes.group_display_names.iter().flatten();
            for text in attributes.display_name.iter().chain(&attributes.group_display_name).chain(groups) {
                words.push('\n');
                words.push_str(text);
            }
        }
        words
    }
}
