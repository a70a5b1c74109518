//! The words of a campaign: every sentence of a report speaks of it in them.

/// Words for one and for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub one: String,
    pub many: String,
}

impl Pair {
    pub fn new(one: &str, many: &str) -> Self {
        Self { one: one.to_owned(), many: many.to_owned() }
    }

    pub fn of(&self, n: u32) -> &str {
        if n == 1 { &self.one } else { &self.many }
    }
}

/// How sentences speak of what is retired. What a file leaves out fits a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// In `the last use of …`: `an app password`.
    pub one: String,
    /// In `still on …`: `app passwords`.
    pub many: String,
    /// What an integration does with it, and what several do: `signs in with`, `sign in with`.
    pub uses: Pair,
    /// What happens to `many` at the removal: `are removed`.
    pub ends: String,
    /// The same afterwards: `were removed`.
    pub ended: String,
    /// What somebody who has moved left behind: `stale secret`, `stale secrets`.
    pub leftover: Pair,
    /// What comes instead: `SSH at ssh.bitbucket.org`. None: the credential that was seen.
    pub replacement: Option<String>,
}

impl Words {
    /// The words that fit a credential with this plural.
    pub fn of(noun: &str) -> Self {
        Self {
            one: singular(noun),
            many: noun.to_owned(),
            uses: Pair::new("signs in with", "sign in with"),
            ends: "are removed".to_owned(),
            ended: "were removed".to_owned(),
            leftover: Pair::new("stale secret", "stale secrets"),
            replacement: None,
        }
    }
}

/// `app passwords` to `an app password`.
fn singular(noun: &str) -> String {
    let noun = noun.strip_suffix('s').unwrap_or(noun);
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    format!("{article} {noun}")
}
