//! The conditions of one rule: whether they hold, what they are in words, and whether another rule's hold whenever they do.

use std::fmt::{self, Write as _};

use ipnet::IpNet;
use regex::Regex;

use super::facts::{ANY, Facts, Field, OUTCOME, TIME, TRAITS, Trait, USERNAME_KIND, UsernameKind, WINDOW};

/// All of these must hold; a rule without any matches everything.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// The values of each trait that are allowed.
    pub(super) traits: u32,
    /// Fields that must be there, those with a test among them.
    pub(super) present: u32,
    pub(super) absent: u32,
    pub(super) tests: Vec<(Field, Test)>,
}

/// What is asked of a field that is there.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// As spelt.
    OneOf(Vec<String>),
    Prefix(Vec<String>),
    /// In any case; these are lower case, and ASCII.
    Contains(Vec<String>),
    Matches(Regex),
    Number(Vec<u32>),
    Within(Vec<IpNet>),
}

impl Default for Conditions {
    fn default() -> Self {
        Self { traits: ANY, present: 0, absent: 0, tests: Vec::new() }
    }
}

impl Conditions {
    pub(super) fn is_empty(&self) -> bool {
        self.traits == ANY && self.present == 0 && self.absent == 0
    }

    pub(super) fn test(&mut self, field: Field, test: Test) {
        self.present |= field.bit();
        self.tests.push((field, test));
    }

    /// Leaves of a trait only these values.
    pub(super) fn allow(&mut self, of: &Trait, values: u32) {
        self.traits &= !of.mask() | values;
    }

    pub(super) fn hold(&self, facts: &Facts<'_>) -> bool {
        facts.traits & !self.traits == 0
            && self.present & !facts.present == 0
            && self.absent & facts.present == 0
            && self.tests.iter().all(|(field, test)| test.holds(*field, facts))
    }

    /// Draws from each condition what it says of others, so that rules can be compared: a username is of some kind, a status
    /// says an outcome, and windows lie before the removal.
    pub(super) fn settle(&mut self) {
        if self.present & Field::Username.bit() != 0 {
            self.allow(&USERNAME_KIND, USERNAME_KIND.mask() & !USERNAME_KIND.bit(UsernameKind::Absent as usize));
        }
        if self.absent & Field::Username.bit() != 0 {
            self.allow(&USERNAME_KIND, USERNAME_KIND.bit(UsernameKind::Absent as usize));
        }
        if self.traits & USERNAME_KIND.bit(UsernameKind::Absent as usize) == 0 {
            self.present |= Field::Username.bit();
        }
        if self.traits & WINDOW.bit(0) == 0 {
            self.allow(&TIME, TIME.bit(0));
        }
        if self.traits & TIME.bit(0) == 0 {
            self.allow(&WINDOW, WINDOW.bit(0));
        }
        for (field, test) in self.tests.clone() {
            match (field, test) {
                (Field::Username, Test::OneOf(names)) => {
                    let kind = |name: &String| USERNAME_KIND.bit(UsernameKind::of(Some(name.as_str())) as usize);
                    self.allow(&USERNAME_KIND, names.iter().map(kind).fold(0, |all, kind| all | kind));
                }
                (Field::Status, Test::Number(numbers)) if numbers.iter().all(|number| *number < 400) => {
                    self.allow(&OUTCOME, OUTCOME.bit(0));
                }
                _ => {}
            }
        }
    }

    /// Why nothing can ever fulfil these conditions, if so.
    pub(super) fn contradiction(&self) -> Option<String> {
        if let Some(of) = TRAITS.iter().find(|of| self.traits & of.mask() == 0) {
            return Some(format!("`{}` leaves nothing that could match, with the other conditions", of.key));
        }
        if let Some(field) = Field::all().find(|field| self.present & self.absent & field.bit() != 0) {
            return Some(format!("`{}` would have to be there and not to be there", field.as_str()));
        }
        let of = |wanted: Field| self.tests.iter().filter(move |(field, _)| *field == wanted).map(|(_, test)| test);
        let possible = |field: Field, value: &String| of(field).all(|test| test.accepts(value));
        let impossible = |(field, test): &&(Field, Test)| match test {
            Test::OneOf(values) => !values.iter().any(|value| possible(*field, value)),
            _ => false,
        };
        let (field, _) = self.tests.iter().find(impossible)?;
        Some(format!("no value of `{}` fulfils all of its conditions", field.as_str()))
    }

    /// Whether these hold for all that fulfils `others`, condition by condition.
    pub(super) fn cover(&self, others: &Self) -> bool {
        let implied = |(field, test): &(Field, Test)| {
            others.tests.iter().filter(|(other, _)| other == field).any(|(_, other)| test.follows_from(other))
        };
        others.traits & !self.traits == 0
            && self.present & !others.present == 0
            && self.absent & !others.absent == 0
            && self.tests.iter().all(implied)
    }

    /// Whether a value of a field is one that these conditions ask for.
    pub(super) fn name(&self, wanted: Field, value: &str) -> bool {
        self.tests.iter().any(|(field, test)| *field == wanted && test.accepts(value))
    }
}

impl Test {
    fn holds(&self, field: Field, facts: &Facts<'_>) -> bool {
        match self {
            Self::Number(numbers) => facts.number(field).is_some_and(|number| numbers.contains(&number)),
            Self::Within(networks) => {
                let ip = facts.sighting.client_ip.map(|ip| ip.to_canonical());
                ip.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)))
            }
            _ => facts.text(field).is_some_and(|text| self.accepts(text)),
        }
    }

    /// Whether a text fulfils it.
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|value| value == text),
            Self::Prefix(prefixes) => prefixes.iter().any(|prefix| text.starts_with(prefix.as_str())),
            Self::Contains(parts) => contains_any(text, parts),
            Self::Matches(pattern) => pattern.is_match(text),
            Self::Number(_) | Self::Within(_) => false,
        }
    }

    /// Whether it holds whenever `other` does.
    fn follows_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(known), Self::Number(numbers)) => numbers.iter().all(|number| known.contains(number)),
            (Self::Within(known), Self::Within(networks)) => {
                networks.iter().all(|network| known.iter().any(|known| known.contains(network)))
            }
            (_, Self::OneOf(values)) => values.iter().all(|value| self.accepts(value)),
            // Whatever begins with a text that has a beginning or a part has it too.
            (Self::Prefix(_) | Self::Contains(_), Self::Prefix(prefixes)) => prefixes.iter().all(|prefix| self.accepts(prefix)),
            (Self::Contains(_), Self::Contains(parts)) => parts.iter().all(|part| self.accepts(part)),
            (Self::Matches(pattern), Self::Matches(same)) => pattern.as_str() == same.as_str(),
            _ => false,
        }
    }
}

/// Whether a text contains one of these, which are lower case, in any case.
fn contains_any(text: &str, parts: &[String]) -> bool {
    let text = text.as_bytes();
    parts.iter().any(|part| text.windows(part.len()).any(|at| at.eq_ignore_ascii_case(part.as_bytes())))
}

/// Every condition in one line, the same for the same conditions: for people, and to see whether a rule has changed.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self.tests.iter().map(|(field, test)| format!("{} {test}", field.as_str())).collect();
        let tested = self.tests.iter().fold(0, |all, (field, _)| all | field.bit());
        let fields = |bits: u32| Field::all().filter(move |field| bits & field.bit() != 0);
        words.extend(fields(self.present & !tested).map(|field| format!("{} is there", field.as_str())));
        words.extend(fields(self.absent).map(|field| format!("{} is not there", field.as_str())));
        for of in TRAITS.iter().filter(|of| self.traits & of.mask() != of.mask()) {
            let allowed = of.words.iter().enumerate().filter(|(value, _)| self.traits & of.bit(*value) != 0);
            words.push(format!("{} is {}", of.key, allowed.map(|(_, word)| *word).collect::<Vec<_>>().join(" or ")));
        }
        words.sort();
        f.write_str(if words.is_empty() { "anything" } else { "" })?;
        f.write_str(&words.join("; "))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |texts: &[String]| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>();
        let (verb, values) = match self {
            Self::OneOf(values) => ("is", quoted(values)),
            Self::Prefix(prefixes) => ("begins with", quoted(prefixes)),
            Self::Contains(parts) => ("contains", quoted(parts)),
            Self::Matches(pattern) => ("matches", vec![format!("/{pattern}/")]),
            Self::Number(numbers) => ("is", numbers.iter().map(ToString::to_string).collect()),
            Self::Within(networks) => ("lies in", networks.iter().map(ToString::to_string).collect()),
        };
        f.write_str(verb)?;
        f.write_char(' ')?;
        f.write_str(&values.join(" or "))
    }
}
