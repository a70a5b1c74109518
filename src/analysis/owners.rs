//! Whose an integration is: the first owner whose every given pattern matches, else the team of its user.

use std::{borrow::Cow, collections::HashMap};

use super::{Owner, identity::People};
use crate::evidence::Roster;

/// What owners are matched against: one integration, or a user who has none.
#[derive(Clone, Default)]
pub(super) struct Subject<'a> {
    pub(super) user_id: &'a str,
    /// Everything that the user goes by.
    pub(super) names: Vec<&'a str>,
    pub(super) workspaces: Vec<&'a str>,
    /// `workspace/repository`.
    pub(super) repositories: Vec<&'a str>,
    pub(super) clients: Vec<&'a str>,
    pub(super) origins: Vec<&'a str>,
}

/// The teams that the directory names, by user id. Of several the first counts.
pub(super) fn teams(roster: &Roster, people: &People) -> HashMap<String, String> {
    let mut teams = HashMap::new();
    for entry in &roster.directory {
        if let (Some(user), Some(team)) = (people.id_of(&entry.person), &entry.team) {
            teams.entry(user).or_insert_with(|| team.clone());
        }
    }
    teams
}

/// The first owner in the list whose patterns all match one of the subjects, which are one user's; else the user's team, with
/// what the list says of an owner of that name.
pub(super) fn owner_of<'p>(
    owners: &'p [Owner],
    teams: &HashMap<String, String>,
    subjects: &[Subject<'_>],
) -> Option<Cow<'p, Owner>> {
    let matching = owners.iter().find(|owner| subjects.iter().any(|subject| owns(owner, subject))).map(Cow::Borrowed);
    matching.or_else(|| {
        let team = teams.get(subjects.first()?.user_id)?;
        let named = owners.iter().find(|owner| owner.name.eq_ignore_ascii_case(team)).map(Cow::Borrowed);
        named.or_else(|| Some(Cow::Owned(Owner { name: team.clone(), ..Owner::default() })))
    })
}

/// Why the owner is the owner, in words: the patterns that match, or the directory.
pub(super) fn why(owners: &[Owner], teams: &HashMap<String, String>, subject: &Subject<'_>) -> Option<String> {
    if let Some(owner) = owners.iter().find(|owner| owns(owner, subject)) {
        let Owner { workspace, repository, client, user, origin, .. } = owner;
        let keys = [("workspace", workspace), ("repository", repository), ("client", client), ("user", user), ("origin", origin)];
        let given = keys.into_iter().filter_map(|(key, pattern)| Some(format!("{key} {}", pattern.as_ref()?)));
        let given = given.collect::<Vec<_>>().join(", ");
        return Some(if given.is_empty() { "this [[owner]] matches everything".to_owned() } else { format!("matches {given}") });
    }
    teams.get(subject.user_id).map(|team| format!("the directory names the team {team} for its user"))
}

fn owns(owner: &Owner, subject: &Subject<'_>) -> bool {
    any(owner.workspace.as_deref(), &subject.workspaces, glob)
        && any(owner.repository.as_deref(), &subject.repositories, |pattern, repository| {
            // Both speak of one repository.
            repository_matches(pattern, repository)
                && owner.workspace.as_deref().is_none_or(|workspace| glob(workspace, workspace_of(repository)))
        })
        && any(owner.client.as_deref(), &subject.clients, glob)
        && any(owner.origin.as_deref(), &subject.origins, glob)
        && any(owner.user.as_deref(), &subject.names, is_called)
}

/// Whether a pattern is meant for a name. One that is copied from a report may say how the name was known then.
fn is_called(pattern: &str, name: &str) -> bool {
    let bare = pattern.strip_prefix("name:").or_else(|| pattern.strip_prefix("email:"));
    glob(pattern, name) || bare.is_some_and(|bare| !bare.contains('*') && glob(bare, name))
}

/// Whether a pattern matches one of the texts; no pattern, and a `*` alone, match always.
fn any(pattern: Option<&str>, texts: &[&str], matches: impl Fn(&str, &str) -> bool) -> bool {
    pattern.is_none_or(|pattern| pattern == "*" || texts.iter().any(|text| matches(pattern, text)))
}

fn workspace_of(repository: &str) -> &str {
    repository.split_once('/').map_or("", |(workspace, _)| workspace)
}

/// A pattern with a slash means workspace and repository, one without means the repository.
fn repository_matches(pattern: &str, repository: &str) -> bool {
    let slug = repository.rsplit('/').next().unwrap_or(repository);
    glob(pattern, if pattern.contains('/') { repository } else { slug })
}

/// Whether the whole text matches; `*` stands for any characters, also none. Letters match in either case.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (folded(pattern), folded(text));
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

/// In small letters, as most patterns and names are anyway: of those there are many pairs.
fn folded(text: &str) -> Cow<'_, str> {
    let is_small = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_small { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("payments-*", "payments-api", true),
            ("payments-*", "payments", false),
            ("Payments-API", "payments-api", true),
            ("*-api", "payments-api", true),
            ("p*m*s-*i", "payments-api", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("**", "x", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn every_pattern_given_must_match_and_the_first_owner_wins() {
        let owner = |name: &str, workspace: Option<&str>, repository: Option<&str>, user: Option<&str>| Owner {
            name: name.to_owned(),
            workspace: workspace.map(str::to_owned),
            repository: repository.map(str::to_owned),
            user: user.map(str::to_owned),
            ..Owner::default()
        };
        let owners = [
            owner("elsewhere", Some("other"), Some("payments-*"), None),
            owner("ada", None, None, Some("ada@*")),
            owner("payments", Some("acme"), Some("payments-*"), None),
            owner("rest", None, None, None),
        ];
        let found = |email: Option<&str>, repository: &str| {
            let subject = Subject {
                user_id: "u1",
                names: [Some("u1"), email].into_iter().flatten().collect(),
                workspaces: vec!["acme"],
                repositories: vec![repository],
                clients: vec![],
                origins: vec![],
            };
            owner_of(&owners, &HashMap::new(), &[subject]).map(|o| o.name.clone())
        };
        assert_eq!(found(None, "acme/payments-api").as_deref(), Some("payments"));
        assert_eq!(found(Some("ada@example.test"), "acme/payments-api").as_deref(), Some("ada"));
        assert_eq!(found(None, "acme/web").as_deref(), Some("rest"));
    }

    #[test]
    fn workspace_and_repository_speak_of_one_repository_and_a_star_of_everything() {
        let owner = |workspace: Option<&str>, repository: &str| Owner {
            workspace: workspace.map(str::to_owned),
            repository: Some(repository.to_owned()),
            ..Owner::default()
        };
        let owns = |owner: Owner, repositories: &[&'static str]| {
            let mut workspaces: Vec<_> = repositories.iter().map(|repository| workspace_of(repository)).collect();
            workspaces.push("acme");
            let repositories = repositories.to_vec();
            owns(&owner, &Subject { user_id: "u1", names: vec![], workspaces, repositories, clients: vec![], origins: vec![] })
        };
        assert!(!owns(owner(Some("acme"), "pay"), &["acme/web", "beta/pay"]));
        assert!(owns(owner(Some("beta"), "pay"), &["acme/web", "beta/pay"]));
        assert!(owns(owner(Some("b*"), "beta/p*"), &["acme/web", "beta/pay"]));
        assert!(owns(owner(None, "*"), &[]) && owns(owner(Some("acme"), "*"), &[]));
        assert!(!owns(owner(None, "**x"), &[]));
    }
}
