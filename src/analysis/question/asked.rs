//! What the rules ask, as the statement is told it.

use minijinja::{Value, context};

use super::network;
use crate::{
    analysis::rules::{Asks, Rules, Said},
    evidence::Outcome,
};

/// Fields that no group keeps: what rules ask of them is answered where the table is read, a sign for each question.
const NOT_KEPT: [&str; 6] = ["message", "path", "event_id", "client_ip", "uses", "until"];

/// The rules in their order, each with its terms, and the questions that are answered by signs.
pub(super) fn rules(rules: &Rules, refuse: &mut impl FnMut(String, String)) -> (Vec<Value>, Vec<Value>) {
    let (mut asked, mut signs) = (Vec::new(), Vec::new());
    let fallback = usize::from(rules.fallback().0);
    for (number, rule) in rules.iter().enumerate().filter(|(number, _)| *number != fallback) {
        let mut terms = Vec::new();
        for said in rule.said() {
            match term(&said, &mut signs) {
                Ok(term) => terms.push(term),
                Err(words) => refuse(format!("the rule `{}`", rule.id), words),
            }
        }
        asked.push(context! { number, terms });
    }
    (asked, signs)
}

/// The rules that say an outcome themselves, by outcome.
pub(super) fn outcomes(rules: &Rules) -> Vec<(&'static str, Vec<String>)> {
    let of = |outcome: &Outcome| {
        let saying = rules.iter().enumerate().filter(|(_, rule)| rule.outcome == Some(*outcome));
        (outcome.as_str(), saying.map(|(number, _)| number.to_string()).collect::<Vec<_>>())
    };
    Outcome::ALL.iter().map(of).filter(|(_, rules)| !rules.is_empty()).collect()
}

fn term(said: &Said<'_>, signs: &mut Vec<Value>) -> Result<Value, String> {
    let (verb, texts) = asks(&said.asks)?;
    if NOT_KEPT.contains(&said.subject) {
        let holds = if verb == ABSENT { "0" } else { "1" };
        let verb = if verb == ABSENT { THERE } else { verb };
        signs.push(context! { field => said.subject, verb, texts });
        return Ok(context! { sign => signs.len(), holds, column => "", verb, texts => Vec::<String>::new() });
    }
    Ok(context! { sign => 0, holds => "", column => column(said.subject), verb, texts })
}

const THERE: &str = "there";
const ABSENT: &str = "absent";

/// The verb of a condition, and the texts that it goes with.
fn asks(asks: &Asks<'_>) -> Result<(&'static str, Vec<String>), String> {
    let texts = |texts: &[String]| texts.to_vec();
    Ok(match asks {
        Asks::ToBeThere => (THERE, Vec::new()),
        Asks::NotToBeThere => (ABSENT, Vec::new()),
        Asks::Trait(words) => ("is", words.iter().map(ToString::to_string).collect()),
        Asks::OneOf(values) => ("is", texts(values)),
        Asks::Prefix(prefixes) => ("begins", texts(prefixes)),
        Asks::Contains(parts) => ("contains", texts(parts)),
        Asks::Matches(pattern) => ("matches", vec![(*pattern).to_owned()]),
        Asks::Number(numbers) => ("is", numbers.iter().map(ToString::to_string).collect()),
        Asks::Within(networks) => {
            let pattern = |network| network::pattern(network).ok_or_else(|| format!("{network} {}", network::HOLDS_IPV4));
            ("matches", networks.iter().map(pattern).collect::<Result<_, _>>()?)
        }
    })
}

/// The column of the statement that holds a field or trait of a group; an audit event's action stands in no log.
fn column(subject: &str) -> String {
    match subject {
        "surface" | "operation" | "outcome" | "username_kind" | "git_path" | "client" => subject.to_owned(),
        "window" => "k_window".to_owned(),
        "time" => "k_time".to_owned(),
        "host" => "k_host".to_owned(),
        "action" => "''".to_owned(),
        field => format!("s_{field}"),
    }
}
