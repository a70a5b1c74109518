//! Rules from a TOML text, with everything that is wrong with them at once.

use std::net::IpAddr;

use ipnet::IpNet;
use toml::{Spanned, de::DeValue};

use super::{
    Rule,
    conditions::{Conditions, Test},
    facts::{Field, GIT_PATH, TRAITS, Trait, WINDOW},
};
use crate::evidence::{
    Credential, Grade, Outcome, pattern,
    settings::{Document, Fault, NO_DEFAULTS, Section, nearest},
};

/// Verdicts point into the rules with 16 bits; nobody reads through more than this.
const MAX_RULES: usize = 1_000;

/// The rules of a file of one's own: those before the compiled-in ones, and those after them.
pub(super) struct Additions {
    pub(super) before: Vec<Rule>,
    pub(super) after: Vec<Rule>,
}

/// Reads `[[rule]]`, every rule there is.
pub(super) fn whole(file: &str, text: &str) -> Result<Vec<Rule>, Vec<Fault>> {
    let document = Document::new(file, text, ());
    let table = document.parse();
    let root = Section::root(&document, &table, &NO_DEFAULTS);
    let read = rules(&root, "rule");
    reachable(&read);
    if read.last().is_none_or(|(rule, _)| rule.as_ref().is_some_and(|rule| !rule.when.is_empty())) {
        root.fault("rule", "the last rule must match everything: it may have no condition");
    }
    let rules = finished(read);
    root.finish();
    faultless(document, rules)
}

/// Reads `[[before]]` and `[[after]]`, which stand before `builtin` and behind it; its last one, which matches everything, stays the last.
pub(super) fn additions(file: &str, text: &str, builtin: &[Rule]) -> Result<Additions, Vec<Fault>> {
    let document = Document::new(file, text, ());
    let table = document.parse();
    let root = Section::root(&document, &table, &NO_DEFAULTS);
    let (before, after) = (rules(&root, "before"), rules(&root, "after"));
    for (rule, section) in before.iter().chain(&after).filter_map(|(rule, section)| Some((rule.as_ref()?, section))) {
        if rule.when.is_empty() {
            section.fault("when", "matches everything: no rule behind it would ever be reached");
        }
        if builtin.iter().any(|known| known.id == rule.id) {
            section.fault("id", format!("`{}` is the id of a compiled-in rule: choose another", rule.id));
        }
    }
    let compiled = builtin.iter().filter(|rule| !rule.when.is_empty());
    unreachable(before.iter(), &[]);
    unreachable(after.iter(), &before.iter().filter_map(|(rule, _)| rule.as_ref()).chain(compiled).collect::<Vec<_>>());
    twice(before.iter().chain(&after));
    let rules = Additions { before: finished(before), after: finished(after) };
    root.finish();
    faultless(document, rules)
}

type Read<'d, 'a> = (Option<Rule>, Section<'d, 'a>);

fn faultless<T>(document: Document<'_>, value: T) -> Result<T, Vec<Fault>> {
    let faults = document.finish();
    if faults.is_empty() { Ok(value) } else { Err(faults) }
}

fn finished(read: Vec<Read<'_, '_>>) -> Vec<Rule> {
    let finish = |(rule, section): Read<'_, '_>| {
        section.finish();
        rule
    };
    read.into_iter().filter_map(finish).collect()
}

fn reachable(read: &[Read<'_, '_>]) {
    unreachable(read.iter(), &[]);
    twice(read.iter());
}

/// Refuses every rule that an earlier one takes everything from.
fn unreachable<'r>(read: impl Iterator<Item = &'r Read<'r, 'r>>, earlier: &[&'r Rule]) {
    let mut earlier = earlier.to_vec();
    for (rule, section) in read {
        let Some(rule) = rule else { continue };
        if let Some(first) = earlier.iter().find(|first| first.when.cover(&rule.when)) {
            section.fault("when", format!("is never reached: the rule `{}` before it matches all of this", first.id));
        }
        earlier.push(rule);
    }
}

fn twice<'r>(read: impl Iterator<Item = &'r Read<'r, 'r>>) {
    let mut seen: Vec<&str> = Vec::new();
    for (rule, section) in read {
        let Some(rule) = rule else { continue };
        if seen.contains(&rule.id.as_str()) {
            section.fault("id", format!("`{}` is the id of another rule too", rule.id));
        }
        seen.push(&rule.id);
    }
}

fn rules<'d, 'a>(root: &Section<'d, 'a>, key: &'static str) -> Vec<Read<'d, 'a>> {
    let sections = root.tables(key);
    if sections.len() > MAX_RULES {
        root.fault(key, format!("{} rules are more than {MAX_RULES}", sections.len()));
        return Vec::new();
    }
    sections.into_iter().map(|section| (rule(&section), section)).collect()
}

/// None where something is wrong with the rule itself, so that it is not compared with others.
fn rule(section: &Section) -> Option<Rule> {
    let faults = section.fault_count();
    let (id, reason) = (section.required("id"), section.required("reason"));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.chars().all(plain) || id.len() > 64 {
        section.fault("id", format!("`{id}` is no id: lower-case letters, digits and hyphens, at most 64"));
    }
    if !section.has("when") {
        section.fault("when", "is missing: say what must hold, such as { scheme = \"basic\" }");
    }
    for key in ["credential", "grade"].into_iter().filter(|key| !section.has(key)) {
        section.fault(key, "is missing");
    }
    let credential = section.parsed("credential", |text| spelt(text, Credential::parse, Credential::as_str, Credential::ALL));
    let grade = section.parsed("grade", |text| spelt(text, Grade::parse, Grade::as_str, Grade::ALL));
    let outcome = section.parsed("outcome", |text| spelt(text, Outcome::parse, Outcome::as_str, Outcome::ALL));
    if credential.zip(grade).is_some_and(|(credential, grade)| (credential == Credential::Unknown) != (grade == Grade::None)) {
        section.fault("grade", "the credential `unknown` and the grade `none` belong together");
    }
    let mut when = conditions(section.table("when"));
    if section.fault_count() > faults {
        return None;
    }
    let words = when.to_string();
    when.settle();
    if let Some(why) = when.contradiction() {
        section.fault("when", format!("never holds: {why}"));
    }
    Some(Rule { id, reason, words, credential: credential?, grade: grade?, outcome, when })
}

fn conditions(when: Section) -> Conditions {
    let mut conditions = Conditions::default();
    for of in TRAITS {
        if let Some(value) = when.value(of.key) {
            let allowed = if of.key == GIT_PATH.key { git_path(&when, value) } else { allowed(&when, of, value) };
            conditions.allow(&of, allowed);
        }
    }
    for field in Field::all() {
        if let Some(value) = when.value(field.as_str()) {
            condition(&when, field, value, &mut conditions);
        }
    }
    when.finish();
    conditions
}

fn git_path(when: &Section, value: &DeValue<'_>) -> u32 {
    if let DeValue::Boolean(value) = value {
        return GIT_PATH.bit(usize::from(*value));
    }
    when.fault(GIT_PATH.key, "must be true or false");
    GIT_PATH.mask()
}

/// The bits of the words that a trait may be; `any` stands for every brownout window.
fn allowed(when: &Section, of: Trait, value: &DeValue<'_>) -> u32 {
    let mut bits = 0;
    for word in texts(when, of.key, value) {
        match of.words.iter().position(|known| *known == word) {
            Some(value) => bits |= of.bit(value),
            None if of.key == WINDOW.key && word == "any" => bits |= WINDOW.mask() & !WINDOW.bit(0),
            None => when.fault(of.key, unknown_word(&word, of.words)),
        }
    }
    if bits == 0 { of.mask() } else { bits }
}

fn condition(when: &Section, field: Field, value: &DeValue<'_>, conditions: &mut Conditions) {
    let key = field.as_str();
    match (field, value) {
        (_, DeValue::Table(_)) => tests(when.table(key), field, conditions),
        (Field::Until, _) => when.fault(key, "takes only { present = true } or { present = false }"),
        (Field::Status | Field::Uses, value) => {
            let range = if field == Field::Status { 100..=599 } else { 1..=u32::MAX };
            let numbers = numbers(when, key, value);
            if let Some(number) = numbers.iter().find(|number| !range.contains(*number)) {
                when.fault(key, format!("{number} is out of range: {} to {}", range.start(), range.end()));
            }
            conditions.test(field, Test::Number(numbers));
        }
        (Field::ClientIp, value) => conditions.test(field, Test::Within(networks(when, key, value))),
        (_, value) => {
            let values = texts(when, key, value);
            if field == Field::Client && values.iter().any(|id| id.chars().any(|c| c.is_ascii_uppercase() || c.is_whitespace())) {
                when.fault(key, "takes ids of the client catalogue, such as \"git-cli\", or \"unknown\"");
            }
            conditions.test(field, Test::OneOf(values));
        }
    }
}

/// The tests of `field = { … }`, all of which must hold.
fn tests(section: Section, field: Field, conditions: &mut Conditions) {
    match section.value("present") {
        Some(DeValue::Boolean(true)) => conditions.present |= field.bit(),
        Some(DeValue::Boolean(false)) => conditions.absent |= field.bit(),
        Some(_) => section.fault("present", "must be true or false"),
        None => {}
    }
    if field == Field::ClientIp {
        if let Some(value) = section.value("network") {
            conditions.test(field, Test::Within(networks(&section, "network", value)));
        }
    } else if !matches!(field, Field::Status | Field::Uses | Field::Until) {
        for (key, test) in [("one_of", Test::OneOf as fn(_) -> _), ("prefix", Test::Prefix), ("contains", contains)] {
            if let Some(value) = section.value(key) {
                let values = texts(&section, key, value);
                if key == "contains" && !values.iter().all(|text| text.is_ascii()) {
                    section.fault(key, "looks for ASCII texts only, in any case");
                }
                conditions.test(field, test(values));
            }
        }
        if let Some(pattern) = section.parsed("regex", |text| pattern::compile(text).map_err(|refusal| refusal.to_string())) {
            conditions.test(field, Test::Matches(pattern));
        }
    }
    if ["present", "network", "one_of", "prefix", "contains", "regex"].into_iter().all(|key| !section.has(key)) {
        section.fault(
            "present",
            "nothing is asked: write { prefix = [\"…\"] }, { contains = … }, { regex = … }, { present = true }",
        );
    }
    section.finish();
}

fn contains(values: Vec<String>) -> Test {
    Test::Contains(values.into_iter().map(|text| text.to_ascii_lowercase()).collect())
}

/// One text or several.
fn texts(section: &Section, key: &'static str, value: &DeValue<'_>) -> Vec<String> {
    let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
    several(section, key, value, text, "must be a text in quotes, or a list of texts: [\"…\"]")
}

fn numbers(section: &Section, key: &'static str, value: &DeValue<'_>) -> Vec<u32> {
    let number = |value: &DeValue<'_>| match value {
        DeValue::Integer(number) => number.to_string().parse().ok(),
        _ => None,
    };
    several(section, key, value, number, "must be a number, or a list of numbers: [401, 410]")
}

fn several<T: Default + PartialEq>(
    section: &Section,
    key: &'static str,
    value: &DeValue<'_>,
    read: impl Fn(&DeValue<'_>) -> Option<T>,
    words: &str,
) -> Vec<T> {
    let values: Option<Vec<T>> = match value {
        DeValue::Array(values) => values.iter().map(Spanned::get_ref).map(read).collect(),
        value => read(value).map(|value| vec![value]),
    };
    match &values {
        None => section.fault(key, words),
        Some(values) if values.is_empty() => section.fault(key, "is an empty list: nothing would ever match"),
        Some(values) if values.contains(&T::default()) => section.fault(key, "holds an empty text, or 0"),
        Some(_) => {}
    }
    values.unwrap_or_default()
}

fn networks(section: &Section, key: &'static str, value: &DeValue<'_>) -> Vec<IpNet> {
    let read = |text: String| {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if network.is_none() {
            section.fault(key, format!("`{text}` is no network: write \"10.20.0.0/16\", or one address"));
        }
        network
    };
    texts(section, key, value).into_iter().filter_map(read).collect()
}

fn spelt<T: Copy>(text: &str, parse: fn(&str) -> Option<T>, word: fn(T) -> &'static str, all: &[T]) -> Result<T, String> {
    parse(text).ok_or_else(|| unknown_word(text, &all.iter().copied().map(word).collect::<Vec<_>>()))
}

fn unknown_word(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("`{word}` is not known; did you mean `{near}`?"),
        None => format!("`{word}` is not known; there are {}", known.join(", ")),
    }
}
