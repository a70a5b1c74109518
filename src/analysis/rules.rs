//! The rules that say which credential one piece of evidence shows, as data (`config/rules.toml`).

use std::fmt;

use serde::Deserialize;

use crate::evidence::{Credential, Grade, Outcome, WindowKind, place::Surface, vocabulary::spelled};

const BUILTIN: &str = include_str!("../../config/rules.toml");

/// Verdicts point into the rules with 16 bits.
const MAX_RULES: usize = u16::MAX as usize;

spelled!(
    /// What a username looks like. Reserved ones stand for a kind of credential and name nobody.
    UsernameKind { Nickname = "nickname", Email = "email", Reserved = "reserved" }
);

spelled!(
    /// Which brownout windows count: those that were announced, or also the extrapolated ones.
    WindowCondition { Published = "published", Any = "any" }
);

spelled!(TimeCondition { BeforeRemoval = "before_removal", AfterRemoval = "after_removal" });

/// Usernames that stand for a kind of credential.
pub const RESERVED_USERNAMES: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

impl UsernameKind {
    pub fn of(username: &str) -> Self {
        if RESERVED_USERNAMES.contains(&username) {
            Self::Reserved
        } else if username.contains('@') {
            Self::Email
        } else {
            Self::Nickname
        }
    }
}

/// What rules look at: fields of the evidence, and what follows from them and the campaign's calendar.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub message: Option<&'a str>,
    pub secret_prefix: Option<&'a str>,
    pub auth_type: Option<&'a str>,
    pub username: Option<&'a str>,
    pub scheme: Option<&'a str>,
    pub surface: Surface,
    pub git_path: bool,
    pub status: Option<u16>,
    pub outcome: Outcome,
    pub window: WindowKind,
    pub removed: bool,
}

/// The conditions of one rule; those that are absent hold always.
#[derive(Clone, Debug, Default)]
struct Conditions {
    /// Lower case.
    message: Option<Vec<String>>,
    no_message: bool,
    secret_prefix: Option<Vec<String>>,
    auth_type: Option<Vec<String>>,
    username: Option<Vec<String>>,
    username_kind: Option<UsernameKind>,
    scheme: Option<Vec<String>>,
    surface: Option<Vec<Surface>>,
    git_path: Option<bool>,
    status: Option<Vec<u16>>,
    outcome: Option<Outcome>,
    window: Option<WindowCondition>,
    time: Option<TimeCondition>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    /// For people, a clause without a full stop.
    pub reason: String,
    pub credential: Credential,
    pub grade: Grade,
    /// Only where the sign itself says it.
    pub outcome: Option<Outcome>,
    when: Conditions,
}

/// The rules in their order. The last one matches everything.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// The compiled-in rules.
    ///
    /// # Errors
    /// None in a released binary: a test parses the same text.
    pub fn builtin() -> Result<Self, String> {
        Self::parse(BUILTIN)
    }

    /// Reads rules.
    ///
    /// # Errors
    /// Names the rule and what is wrong with it: unknown keys or values, an id used twice, a rule that can never be
    /// reached, no rule for everything else at the end.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = toml::from_str(text).map_err(|error| error.to_string())?;
        if wire.rule.len() > MAX_RULES {
            return Err(format!("{} rules are more than {MAX_RULES}", wire.rule.len()));
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(wire.rule.len());
        for row in wire.rule {
            if rules.iter().any(|rule| rule.id == row.id) {
                return Err(format!("rule `{}` stands twice", row.id));
            }
            if let Some(last) = rules.last().filter(|rule| rule.when.is_empty()) {
                return Err(format!("rule `{}` is never reached: `{}` before it matches everything", row.id, last.id));
            }
            let id = row.id.clone();
            rules.push(row.checked().map_err(|why| format!("rule `{id}`: {why}"))?);
        }
        if !rules.last().is_some_and(|rule| rule.when.is_empty()) {
            return Err("the last rule must match everything: it may have no condition".to_owned());
        }
        Ok(Self { rules })
    }

    /// The first rule that matches, and its number.
    pub fn decide(&self, facts: &Facts<'_>) -> (u16, &Rule) {
        let found = self.rules.iter().position(|rule| rule.when.hold(facts));
        let number = found.expect("the last rule matches everything");
        (u16::try_from(number).expect("there are at most 65,535 rules"), &self.rules[number])
    }

    /// The last rule, which matches everything, and its number.
    pub fn fallback(&self) -> (u16, &Rule) {
        let last = self.rules.len() - 1;
        (u16::try_from(last).expect("there are at most 65,535 rules"), &self.rules[last])
    }

    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The ids in order; verdicts point into them.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// Whether any rule explains this value of `auth_type`.
    pub fn knows_auth_type(&self, value: &str) -> bool {
        self.rules.iter().filter_map(|rule| rule.when.auth_type.as_ref()).flatten().any(|known| known == value)
    }
}

impl Conditions {
    fn hold(&self, facts: &Facts<'_>) -> bool {
        one_of(self.secret_prefix.as_deref(), facts.secret_prefix)
            && one_of(self.auth_type.as_deref(), facts.auth_type)
            && one_of(self.username.as_deref(), facts.username)
            && one_of(self.scheme.as_deref(), facts.scheme)
            && self.status.as_ref().is_none_or(|known| facts.status.is_some_and(|status| known.contains(&status)))
            && self.surface.as_ref().is_none_or(|known| known.contains(&facts.surface))
            && self.git_path.is_none_or(|git_path| git_path == facts.git_path)
            && self.outcome.is_none_or(|outcome| outcome == facts.outcome)
            && self.username_kind.is_none_or(|kind| facts.username.is_some_and(|name| UsernameKind::of(name) == kind))
            && self.window.is_none_or(|window| window.holds(facts.window))
            && self.time.is_none_or(|time| (time == TimeCondition::AfterRemoval) == facts.removed)
            && !(self.no_message && facts.message.is_some())
            && self.message.as_ref().is_none_or(|parts| facts.message.is_some_and(|text| contains_any(text, parts)))
    }

    fn is_empty(&self) -> bool {
        let Self { message, no_message, secret_prefix, auth_type, username, username_kind, scheme, .. } = self;
        let Self { surface, git_path, status, outcome, window, time, .. } = self;
        [message, secret_prefix, auth_type, username, scheme].into_iter().all(Option::is_none)
            && !no_message
            && username_kind.is_none()
            && surface.is_none()
            && git_path.is_none()
            && status.is_none()
            && outcome.is_none()
            && window.is_none()
            && time.is_none()
    }
}

impl WindowCondition {
    fn holds(self, window: WindowKind) -> bool {
        match self {
            Self::Published => window == WindowKind::Published,
            Self::Any => window != WindowKind::Outside,
        }
    }
}

fn one_of(known: Option<&[String]>, value: Option<&str>) -> bool {
    known.is_none_or(|known| value.is_some_and(|value| known.iter().any(|one| one == value)))
}

/// Whether a text contains one of these, which are lower case, in any case.
fn contains_any(text: &str, parts: &[String]) -> bool {
    let text = text.as_bytes();
    parts.iter().any(|part| text.windows(part.len()).any(|at| at.eq_ignore_ascii_case(part.as_bytes())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    reason: String,
    when: When,
    credential: String,
    grade: String,
    outcome: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    message: Option<Vec<String>>,
    #[serde(default)]
    no_message: bool,
    secret_prefix: Option<Vec<String>>,
    auth_type: Option<Vec<String>>,
    username: Option<Vec<String>>,
    username_kind: Option<String>,
    scheme: Option<Vec<String>>,
    surface: Option<Vec<String>>,
    git_path: Option<bool>,
    status: Option<Vec<u16>>,
    outcome: Option<String>,
    window: Option<String>,
    time: Option<String>,
}

impl Row {
    fn checked(self) -> Result<Rule, String> {
        Ok(Rule {
            credential: spelt("credential", &self.credential, Credential::parse, Credential::ALL)?,
            grade: spelt("grade", &self.grade, Grade::parse, Grade::ALL)?,
            outcome: maybe("outcome", self.outcome, Outcome::parse, Outcome::ALL)?,
            when: self.when.checked()?,
            id: self.id,
            reason: self.reason,
        })
    }
}

impl When {
    fn checked(self) -> Result<Conditions, String> {
        let surface = |name: &String| spelt("surface", name, Surface::parse, Surface::ALL);
        Ok(Conditions {
            message: self.message.map(|parts| filled("message", parts)).transpose()?.map(lower),
            no_message: self.no_message,
            secret_prefix: self.secret_prefix,
            auth_type: self.auth_type,
            username: self.username,
            username_kind: maybe("username_kind", self.username_kind, UsernameKind::parse, UsernameKind::ALL)?,
            scheme: self.scheme,
            surface: self.surface.map(|names| names.iter().map(surface).collect()).transpose()?,
            git_path: self.git_path,
            status: self.status,
            outcome: maybe("outcome", self.outcome, Outcome::parse, Outcome::ALL)?,
            window: maybe("window", self.window, WindowCondition::parse, WindowCondition::ALL)?,
            time: maybe("time", self.time, TimeCondition::parse, TimeCondition::ALL)?,
        })
    }
}

/// An empty text is contained in every message, which nobody means.
fn filled(key: &str, parts: Vec<String>) -> Result<Vec<String>, String> {
    if parts.iter().any(String::is_empty) { Err(format!("{key} holds an empty text")) } else { Ok(parts) }
}

fn lower(parts: Vec<String>) -> Vec<String> {
    parts.into_iter().map(|part| part.to_ascii_lowercase()).collect()
}

fn spelt<T: fmt::Display>(key: &str, text: &str, parse: fn(&str) -> Option<T>, all: &[T]) -> Result<T, String> {
    parse(text).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(ToString::to_string).collect();
        format!("{key} is `{text}`, not one of {}", known.join(", "))
    })
}

fn maybe<T: fmt::Display>(key: &str, text: Option<String>, parse: fn(&str) -> Option<T>, all: &[T]) -> Result<Option<T>, String> {
    text.map(|text| spelt(key, &text, parse, all)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_are_valid_and_explain_themselves() {
        let rules = Rules::builtin().expect("the built-in rules are valid");
        assert_eq!(rules.ids().last(), Some("unknown"));
        assert!(rules.rules.iter().all(|rule| !rule.reason.is_empty() && !rule.reason.ends_with('.')));
        assert!(rules.knows_auth_type("session") && !rules.knows_auth_type("passkey"));
    }

    #[test]
    fn slips_in_a_rules_file_are_named() {
        let broken = |from: &str, to: &str| Rules::parse(&BUILTIN.replacen(from, to, 1)).expect_err("refused");
        assert!(broken("secret_prefix =", "secret_prefx =").contains("secret_prefx"));
        assert!(broken("id         = \"bearer\"", "id         = \"ssh\"").contains("`ssh` stands twice"));
        assert!(
            broken("surface = [\"ssh\"]", "surface = [\"shs\"]").contains("rule `ssh`: surface is `shs`, not one of git, rest")
        );
        assert!(broken("when       = { surface = [\"ssh\"] }", "when       = {}").contains("`unknown` is never reached"));
        assert!(broken("when       = {}", "when       = { status = [500] }").contains("must match everything"));
        assert!(broken("\"change-3222\", ", "\"\", ").contains("rule `change-3222`: message holds an empty text"));
    }
}
