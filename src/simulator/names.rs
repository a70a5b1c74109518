//! Material for names. Everything is invented; hosts end in example.test.

pub(super) const FIRST: &[&str] = &[
    "Mira", "Jonas", "Aiko", "Tomas", "Leila", "Pavel", "Ines", "Oskar", "Nadia", "Felix", "Yara", "Emil", "Sana", "Marek",
    "Lotte", "Ravi", "Clara", "Dmitri", "Freja", "Hugo", "Amara", "Bruno", "Signe", "Kofi", "Elif", "Anton", "Zofia", "Liam",
    "Noor", "Stefan", "Tuva", "Victor", "Wanda", "Xavier", "Mei", "Zoe", "Iker", "Greta", "Otis", "Petra",
];

pub(super) const LAST: &[&str] = &[
    "Tessel",
    "Brandt",
    "Okafor",
    "Lindqvist",
    "Marchetti",
    "Novak",
    "Haddad",
    "Sorensen",
    "Petrov",
    "Yilmaz",
    "Garcia",
    "Kowalski",
    "Dubois",
    "Fischer",
    "Ivanova",
    "Jensen",
    "Keller",
    "Laurent",
    "Moreau",
    "Nakamura",
    "Olsen",
    "Pereira",
    "Quist",
    "Rossi",
    "Silva",
    "Takeda",
    "Ueda",
    "Varga",
    "Weber",
    "Ximenes",
    "Young",
    "Zeman",
    "Adler",
    "Bakker",
    "Castro",
    "Duarte",
    "Eriksen",
    "Farouk",
    "Gruber",
    "Hansson",
    "O'Hara",
    "D\u{fc}rr",
];

pub(super) const TEAMS: &[&str] = &[
    "payments", "platform", "mobile", "checkout", "search", "data", "identity", "billing", "web", "infra", "security", "ads",
    "risk", "loyalty", "content", "research",
];

pub(super) const REPOSITORIES: &[&str] = &[
    "api",
    "web",
    "worker",
    "gateway",
    "infra",
    "charts",
    "terraform",
    "docs",
    "sdk",
    "batch",
    "console",
    "agent",
    "models",
    "pipeline",
    "schema",
    "tools",
    "mirror",
    "config",
    "frontend",
    "service",
    "ledger",
    "cli",
];

pub(super) const WORKSPACES: &[&str] = &[
    "acme",
    "acme-platform",
    "acme-mobile",
    "acme-data",
    "acme-labs",
    "acme-infra",
    "acme-web",
    "acme-legacy",
    "acme-partners",
    "acme-security",
    "acme-games",
    "acme-research",
];

/// `name` for the first round through a list, `name-2`, `name-3` … for later ones.
pub(super) fn numbered(list: &[&str], index: usize) -> String {
    match index / list.len() {
        0 => list[index].to_owned(),
        round => format!("{}-{}", list[index % list.len()], round + 1),
    }
}
