//! What the organisation decided by its configuration: waivers, closures, owners, dates and rules. A command that writes
//! journals what has changed of it since the last one looked.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Engine, Options};
use crate::{
    analysis::{Closure, Owner, Rule, Waiver},
    evidence::{Campaign, time::instant},
    report::inert,
    store::{Accepted, StoreError, Writer},
};

/// Entries that one line of the journal names; all are in the configuration.
const MAX_NAMED: usize = 20;

impl Engine {
    /// Journals what was accepted since a writing command last looked, as done by this one.
    pub async fn begin(&self, command: &str, now: Timestamp) -> Result<(), StoreError> {
        let (sections, actor) = (sections(&self.options), self.actor(command));
        let journal = move |w: &mut Writer<'_>| {
            for (section, present) in &sections {
                let before = w.accepted(section)?;
                if before != *present {
                    w.journal(now, &actor, section, &inert::record(&without_people(&words(&before, present))))?;
                    w.accept(section, present)?;
                }
            }
            Ok(())
        };
        self.store.write(journal).await
    }

    /// Who does something, as far as a program can know.
    pub(super) fn actor(&self, command: &str) -> String {
        inert::name(&format!("{} (duskwatch {command})", self.options.operator))
    }
}

/// Every section with its entries, by name.
fn sections(options: &Options) -> Vec<(&'static str, Accepted)> {
    let policy = &options.policy;
    let clients =
        options.catalogue.recognition().map(|(pattern, id, category)| (id.to_owned(), format!("{category}: {pattern}")));
    let networks = options.networks.iter().map(|(network, name)| (name.to_owned(), network.to_string()));
    vec![
        ("waivers", collected(policy.waivers.iter().map(waiver))),
        ("closures", collected(policy.closures.iter().map(closure))),
        ("owners", collected(policy.owners.iter().map(owner))),
        ("dates", collected(options.campaigns.iter().map(dates))),
        ("rules", collected(options.rules.iter().map(rule))),
        ("clients", collected(clients)),
        ("origins", collected(networks)),
    ]
}

/// Several entries of one name become one.
fn collected(entries: impl Iterator<Item = (String, String)>) -> Accepted {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, words) in entries {
        all.entry(inert::name(&key)).or_default().push(words);
    }
    all.into_iter().map(|(key, words)| (key, told(&words.join("; ")))).collect()
}

/// What is compared and told of an entry. Of a long one only the beginning is told, and a change behind it is a change, too.
fn told(words: &str) -> String {
    if words.chars().count() <= inert::MAX_SENTENCE_CHARS {
        return inert::sentence(words);
    }
    format!("{} ({})", inert::sentence(words), &HEXLOWER.encode(&Sha256::digest(words))[..8])
}

fn waiver(waiver: &Waiver) -> (String, String) {
    let Waiver { integration, until, requester, approver, ticket, reason } = waiver;
    (integration.clone(), format!("until {until}, asked by {requester}, approved by {approver}, {ticket}: {reason}"))
}

fn closure(closure: &Closure) -> (String, String) {
    let Closure { integration, date, by, ticket } = closure;
    (integration.clone(), format!("gone since {date}, says {by}, {ticket}"))
}

fn owner(owner: &Owner) -> (String, String) {
    let Owner { name, email, lead_time_days, workspace, repository, client, user, origin } = owner;
    let patterns = [("workspace", workspace), ("repository", repository), ("client", client), ("user", user), ("origin", origin)];
    let mut words: Vec<String> = email.iter().map(|email| format!("mail to {}", personal(email))).collect();
    words.extend(lead_time_days.map(|days| format!("lead time {days} d")));
    words.extend(patterns.iter().filter_map(|(key, pattern)| {
        let pattern = pattern.as_ref()?;
        Some(format!("{key} {}", if *key == "user" { personal(pattern) } else { pattern.clone() }))
    }));
    (name.clone(), words.join(", "))
}

/// Brackets around what may be a person's name or address.
const PERSONAL: [char; 2] = ['\u{27e8}', '\u{27e9}'];

/// What names a person and has to be erased with them: it is compared, and left out where it could never be removed again.
fn personal(text: &str) -> String {
    let [open, close] = PERSONAL;
    format!("{open}{}{close}", text.replace(PERSONAL, "?"))
}

/// What the journal takes of words: it keeps for good what it says, so it says of nobody who they are.
fn without_people(words: &str) -> String {
    let [open, close] = PERSONAL;
    let mut parts = words.split(open);
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        left.extend([open, '…', close]);
        left.push_str(part.split_once(close).map_or("", |(_, rest)| rest));
    }
    left
}

fn dates(campaign: &Campaign) -> (String, String) {
    let windows = &campaign.windows;
    let published = windows.iter().filter(|window| window.published).count();
    let minutes: i64 = windows.iter().map(|window| (window.to_ms - window.from_ms) / 60_000).sum();
    let brownouts = windows.first().zip(windows.last()).map(|(first, last)| {
        let (count, from, to) = (windows.len(), instant(first.from_ms), instant(last.to_ms));
        format!(", {count} brownouts from {from} to {to}, {published} published, {minutes} minutes in all")
    });
    let freeze = campaign.freeze.map(|freeze| format!("freeze {freeze}, ")).unwrap_or_default();
    let words = format!("{freeze}removal {}{}", campaign.removal, brownouts.unwrap_or_default());
    (campaign.id.clone(), words)
}

fn rule(rule: &Rule) -> (String, String) {
    let outcome = rule.outcome.map(|outcome| format!(", {outcome}")).unwrap_or_default();
    (rule.id.clone(), format!("{}: {}, {}{outcome}", rule.words, rule.credential, rule.grade))
}

/// What is different, in one line.
fn words(before: &Accepted, now: &Accepted) -> String {
    let named = |verb: &str, entries: Vec<String>| {
        let more = entries.len().saturating_sub(MAX_NAMED);
        let mut listed: Vec<String> = entries.into_iter().take(MAX_NAMED).collect();
        if more > 0 {
            listed.push(format!("and {more} more"));
        }
        (!listed.is_empty()).then(|| format!("{verb} {}", listed.join("; ")))
    };
    let of = |entries: &Accepted, other: &Accepted| {
        let alone = entries.iter().filter(|(key, _)| !other.contains_key(*key));
        alone.map(|(key, words)| format!("{key} ({words})")).collect::<Vec<_>>()
    };
    let changed = now.iter().filter_map(|(key, words)| {
        let was = before.get(key).filter(|was| *was != words)?;
        Some(format!("{key} (was {was}; is {words})"))
    });
    let parts = [
        named(if before.is_empty() { "first accepted:" } else { "added" }, of(now, before)),
        named("removed", of(before, now)),
        named("changed", changed.collect()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(of: &[(&str, &str)]) -> Accepted {
        of.iter().map(|(key, words)| ((*key).to_owned(), (*words).to_owned())).collect()
    }

    #[test]
    fn the_journal_says_of_nobody_who_they_are() {
        let owner =
            Owner { email: Some("ada@example.test".to_owned()), user: Some("ada\u{27e9}x".to_owned()), ..owned("payments") };
        let (name, told) = super::owner(&owner);
        assert_eq!(
            (name.as_str(), told.as_str()),
            ("payments", "mail to \u{27e8}ada@example.test\u{27e9}, user \u{27e8}ada?x\u{27e9}")
        );
        assert_eq!(without_people(&told), "mail to \u{27e8}…\u{27e9}, user \u{27e8}…\u{27e9}");
        assert_eq!(without_people("cut off \u{27e8}ada@exam"), "cut off \u{27e8}…\u{27e9}");
    }

    fn owned(name: &str) -> Owner {
        let (workspace, repository, client, user, origin) = (None, None, None, None, None);
        Owner { name: name.to_owned(), email: None, lead_time_days: None, workspace, repository, client, user, origin }
    }

    #[test]
    fn a_change_behind_what_is_told_is_a_change_too() {
        let rows = |number: usize| collected((0..number).map(|n| ("payments".to_owned(), format!("repository pay-{n:03}"))));
        let (before, now) = (rows(100), rows(101));
        assert!(before["payments"].starts_with("repository pay-000; repository pay-001") && before["payments"].len() < 700);
        assert_ne!(before, now);
        assert_eq!(rows(3)["payments"], "repository pay-000; repository pay-001; repository pay-002");
    }

    #[test]
    fn a_line_of_the_journal_says_what_was_added_removed_and_changed() {
        let before = entries(&[("payments", "lead time 14 d"), ("search", "lead time 7 d"), ("web", "client jenkins")]);
        let now = entries(&[("payments", "lead time 45 d"), ("web", "client jenkins"), ("data", "user bot")]);
        assert_eq!(
            words(&before, &now),
            "added data (user bot). removed search (lead time 7 d). changed payments (was lead time 14 d; is lead time 45 d)"
        );
        assert_eq!(words(&Accepted::new(), &entries(&[("web", "client jenkins")])), "first accepted: web (client jenkins)");
        let many = (0..25).map(|n| (format!("team-{n:02}"), String::new())).collect();
        assert!(words(&Accepted::new(), &many).ends_with("team-19 (); and 5 more"));
    }
}
