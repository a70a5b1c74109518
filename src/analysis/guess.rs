//! What probably runs behind a client that names only its library: git is what Jenkins, backups and people call alike. A guess
//! in plain words, with its reason; it names nothing, and changes neither the integration's key nor its status.
//!
//! Two signs, the surer first: a name (the job, network, token label or account is called after software that shows under this
//! client), then the pattern of work: rhythm, hours, fan-out and writes.

use super::{Integration, rank::counted};
use crate::evidence::{Category, ClientCatalogue};

/// From so many repositories on, reading all of them in one go is what mirrors and backups do.
const MANY_REPOSITORIES: usize = 5;
/// At most this between days of use is daily work.
const DAILY: f64 = 1.5;
/// More legacy uses a week than this for each repository, reading only, is polling.
const POLLS_A_WEEK: f64 = 80.0;
const WEEKS: f64 = 30.0 / 7.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Catalogue id of the software, where a name gives it away.
    pub client: Option<String>,
    /// `probably a nightly mirror or backup`.
    pub words: String,
    /// `8 repositories on each working day from build-farm, reading only`.
    pub reason: String,
}

/// The guess about an integration; none where its client names itself, or nothing speaks for anything.
pub fn guess(row: &Integration, clients: &ClientCatalogue) -> Option<Guess> {
    let generic = clients.iter().any(|client| client.shows_as.contains(&row.client));
    if !generic {
        return None;
    }
    by_name(row, clients).or_else(|| by_work(row))
}

fn by_name(row: &Integration, clients: &ClientCatalogue) -> Option<Guess> {
    let names = [
        ("origin", Some(&row.origin)),
        ("user", row.user.name.as_ref()),
        ("user", row.user.email.as_ref()),
        ("user", Some(&row.user.id)),
    ];
    names.into_iter().find_map(|(kind, name)| {
        let name = name?;
        let parts: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        let named = |words: &[String]| words.iter().any(|word| parts.contains(word));
        let client = clients.iter().find(|client| client.shows_as.contains(&row.client) && named(&client.words))?;
        Some(Guess {
            client: Some(client.id.clone()),
            words: format!("probably {}", client.name),
            reason: format!("its {kind} is called {name}, and {} shows as {}", client.id, row.client),
        })
    })
}

fn by_work(row: &Integration) -> Option<Guess> {
    let guess = |words: &str, reason: String| Some(Guess { client: None, words: words.to_owned(), reason });
    let repositories = row.repositories.len();
    let fan_out = counted(repositories as u64, "repository", "repositories");
    let reads_only = row.writes_30d == 0;
    let daily = row.period_days.is_some_and(|period| period <= DAILY);
    let from = &row.origin;
    #[expect(clippy::cast_precision_loss, reason = "counts of uses lie far below 2^53")]
    let weekly = row.uses_30d as f64 / WEEKS / repositories.max(1) as f64;
    if row.category == Category::GitClient && from == "roaming" {
        return guess(
            "probably a person at a workstation",
            format!("an interactive client that moves between networks, {fan_out}"),
        );
    }
    if !reads_only || repositories == 0 || row.period_days.is_none() {
        return None;
    }
    if daily && weekly > POLLS_A_WEEK {
        return guess(
            "probably a controller or script that polls around the clock",
            format!("{weekly:.0} reads a week of each of {fan_out} from {from}, and no write"),
        );
    }
    if repositories >= MANY_REPOSITORIES && weekly <= 2.0 * 7.0 {
        let rhythm =
            if daily { "every day".to_owned() } else { format!("about every {:.0} days", row.period_days.unwrap_or(0.0)) };
        return guess("probably a mirror or backup", format!("{fan_out} {rhythm} from {from}, few reads of each, and no write"));
    }
    None
}
