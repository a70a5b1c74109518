//! The rules that say which credential one piece of evidence shows, as data: the compiled-in ones (`config/rules.toml`), and
//! those of an organisation's own file before and behind them.
//!
//! Every condition can be said in the SQL of other engines as well: comparisons, ASCII patterns of a shared subset,
//! networks, and the campaign's calendar.

mod conditions;
mod facts;
mod read;
mod said;
#[cfg(test)]
mod tests;

use crate::evidence::{Credential, Grade, Outcome, Sighting, settings::Fault};
use conditions::Conditions;
pub(super) use facts::Derived;
use facts::{Facts, Field};
pub(super) use said::{Asks, Said};

const BUILTIN: &str = include_str!("../../../config/rules.toml");

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    /// For people, a clause without a full stop.
    pub reason: String,
    /// What must hold, in words; the same for the same conditions.
    pub words: String,
    pub credential: Credential,
    pub grade: Grade,
    /// Only where the sign itself says it.
    pub outcome: Option<Outcome>,
    when: Conditions,
}

/// The rules in their order. The last one matches everything.
#[derive(Clone, Debug)]
pub struct Rules {
    ordered: Vec<Rule>,
    /// The fields that some rule asks for.
    asked: Vec<Field>,
    /// How many stand before the compiled-in ones, and how many behind them.
    own: (usize, usize),
}

impl Rules {
    /// The compiled-in rules.
    ///
    /// # Errors
    /// None in a released binary: a test reads the same text.
    pub fn builtin() -> Result<Self, Vec<Fault>> {
        read::whole("rules.toml", BUILTIN).map(|rules| Self::new(rules, (0, 0)))
    }

    /// The compiled-in rules with those of a text: its `[[before]]` rules stand before them, its `[[after]]` rules behind
    /// them and before the last one, which matches everything. `file` is the name that faults carry.
    ///
    /// # Errors
    /// Everything that is wrong with the text: unknown keys and words, patterns that not every engine reads alike, rules
    /// that nothing can reach, an id used twice.
    pub fn with_additions(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let mut builtin = read::whole("rules.toml", BUILTIN)?;
        let read::Additions { before, after } = read::additions(file, text, &builtin)?;
        let own = (before.len(), after.len());
        let last = builtin.split_off(builtin.len() - 1);
        Ok(Self::new(before.into_iter().chain(builtin).chain(after).chain(last).collect(), own))
    }

    fn new(rules: Vec<Rule>, own: (usize, usize)) -> Self {
        let asked = rules.iter().fold(0, |all, rule| all | rule.when.present | rule.when.absent);
        let asked = Field::all().filter(|field| asked & field.bit() != 0).collect();
        Self { ordered: rules, asked, own }
    }

    /// The first rule that matches, and its number.
    pub(super) fn decide(&self, sighting: &Sighting<'_>, derived: &Derived<'_>) -> (u16, &Rule) {
        let facts = Facts::new(sighting, derived, &self.asked);
        let found = self.ordered.iter().position(|rule| rule.when.hold(&facts));
        let number = found.expect("the last rule matches everything");
        (u16::try_from(number).expect("there are at most a few thousand rules"), &self.ordered[number])
    }

    /// The last rule, which matches everything, and its number.
    pub fn fallback(&self) -> (u16, &Rule) {
        let last = self.ordered.len() - 1;
        (u16::try_from(last).expect("there are at most a few thousand rules"), &self.ordered[last])
    }

    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.ordered.iter().find(|rule| rule.id == id)
    }

    /// In their order; verdicts point into them.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.ordered.iter()
    }

    /// The ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ordered.iter().map(|rule| rule.id.as_str())
    }

    /// The rules of the organisation's own file.
    pub fn own(&self) -> impl Iterator<Item = &Rule> {
        let (before, after) = self.own;
        let behind = self.ordered.len() - 1 - after..self.ordered.len() - 1;
        self.ordered[..before].iter().chain(&self.ordered[behind])
    }

    /// Whether any rule explains this value of `auth_type`.
    pub fn knows_auth_type(&self, value: &str) -> bool {
        self.ordered.iter().any(|rule| rule.when.name(Field::AuthType, value))
    }
}
