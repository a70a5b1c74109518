//! What probably runs behind a client that names only its library: git is what Jenkins, backups and people call alike. A guess
//! in plain words, with its reason; it names nothing, and changes neither the integration's key nor its status.
//!
//! Two signs, the surer first: a name (the job, network, token label or account is called after software that shows under this
//! client), then the pattern of work: machine or person, rhythm, hours, fan-out and writes.

use super::{Integration, rank::counted};
use crate::evidence::ClientCatalogue;

/// From so many repositories on, reading all of them in one go is what mirrors and backups do.
const MANY_REPOSITORIES: usize = 5;
/// Work that fits into so many hours of the day is started by a clock.
const STARTED_BY_A_CLOCK: usize = 3;
/// Work that needs so many hours of the day goes on around it.
const AROUND_THE_CLOCK: usize = 18;
/// The part of all uses that has to fit: stragglers and repeats fall outside.
const MOST: f64 = 0.9;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Catalogue id of the software, where a name gives it away.
    pub client: Option<String>,
    /// `probably a mirror or backup`.
    pub words: String,
    /// `8 repositories from build-farm, runs every day after 02:00 UTC, and no write in 30 days`.
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
    let user = [row.user.name.as_ref(), row.user.email.as_ref(), Some(&row.user.id)];
    let names = std::iter::once(("origin", Some(&row.origin))).chain(user.map(|name| ("user", name)));
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
    // Where nothing is expected any more, the hours say nothing.
    let hours = busy_hours(&row.exposure.by_hour)?;
    let reads_only = row.writes_30d == 0;
    let words = match row.machine? {
        false => "probably a person at work",
        true if hours <= STARTED_BY_A_CLOCK && reads_only && row.repositories.len() >= MANY_REPOSITORIES => {
            "probably a mirror or backup"
        }
        true if hours <= STARTED_BY_A_CLOCK => "probably a scheduled job",
        true if hours >= AROUND_THE_CLOCK && reads_only => "probably a controller or script that polls around the clock",
        true => "probably builds or a service",
    };
    let fan_out = counted(row.repositories.len() as u64, "repository", "repositories");
    let writes = if reads_only { "no write".to_owned() } else { counted(row.writes_30d, "write", "writes") };
    let reason = format!("{fan_out} from {}, {}, and {writes} in 30 days", row.origin, row.rhythm.words);
    Some(Guess { client: None, words: words.to_owned(), reason })
}

/// How many hours of the day hold most of the uses, the busiest first.
fn busy_hours(by_hour: &[f64; 24]) -> Option<usize> {
    let mut sorted = *by_hour;
    sorted.sort_by(|a, b| b.total_cmp(a));
    let enough = MOST * sorted.iter().sum::<f64>();
    let mut held = 0.0;
    let busy = sorted.iter().take_while(|uses| {
        let more = held < enough;
        held += **uses;
        more
    });
    (enough > 0.0).then(|| busy.count())
}
