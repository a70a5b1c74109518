//! What belongs together: pieces of evidence, each with the integration that it is really of and the one it was given to.
//!
//! A piece is the first or the last sighting of a day count: both have an exact instant, by which the log line is known
//! that it was, and so whose it is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use duskwatch::{
    analysis::{Inputs, Policy, attributed},
    evidence::{ClientCatalogue, Ledger, Origin, Track},
    simulator::{Integration, World},
    store::Store,
};

use super::{table::Sample, watch::View};

/// Usernames that stand for a kind of secret.
const RESERVED_USERNAMES: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

/// Whose lines have an instant in a source, by the source's own clock and precision.
pub struct Marks {
    /// None where lines of several have it.
    owners: HashMap<(String, i64), Option<u32>>,
    by_job: HashMap<String, u32>,
}

impl Marks {
    pub fn of(world: &World) -> Self {
        let truth = world.truth();
        let mut owners: HashMap<(String, i64), Option<u32>> = HashMap::new();
        let mut mark = |source: String, ms: i64, integration: u32| {
            let owner = owners.entry((source, ms)).or_insert(Some(integration));
            *owner = owner.filter(|known| *known == integration);
        };
        for integration in truth.integrations() {
            for (log, ms) in truth.line_times(integration) {
                mark(format!("log/{log}"), ms, integration.id);
            }
        }
        for (ms, integration) in truth.event_times() {
            mark("audit/acme".to_owned(), ms, integration);
        }
        let jobs = truth.integrations().iter().filter_map(|it| Some((it.job.as_ref()?.to_lowercase(), it.id)));
        Self { owners, by_job: jobs.collect() }
    }

    fn owner(&self, source: &str, origin: &Origin, ms: i64) -> Option<u32> {
        match origin {
            Origin::Job(job) => self.by_job.get(&job.to_lowercase()).copied(),
            _ => self.owners.get(&(source.to_owned(), ms)).copied().flatten(),
        }
    }
}

/// How pieces were put together.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Pieces by true and by said integration.
    together: BTreeMap<(u32, String), u64>,
    /// The same, of open evidence that several integrations agree with and that stands alone, as the contract wants it.
    alone: BTreeMap<(u32, String), u64>,
    /// Pieces whose line is not known, for instance since two have the same instant.
    unmarked: u64,
}

/// The pieces of everything that is known in a view.
pub async fn pairs(store: &Path, world: &World, marks: &Marks, view: &View) -> Pairs {
    let (day, now) = (view.day(), view.now);
    let store = Store::open_read_only(store).unwrap();
    let read = store.read(move |r| Ok((r.history(day)?, r.roster(now)?, r.known_integrations()?))).await;
    let (history, roster, known) = read.unwrap();
    let (ledger, policy, clients) = (Ledger::default(), Policy::default(), ClientCatalogue::builtin().unwrap());
    let (judged, ids) = attributed(&Inputs {
        now,
        history: &history,
        roster: &roster,
        ledger: &ledger,
        clients: &clients,
        campaigns: &[],
        policy: &policy,
        known: &known,
        cores: 1,
        id_key: &[],
    });
    let (mut pieces, mut unmarked) = (Vec::new(), 0);
    for count in judged.counts.iter().filter(|count| count.verdict.authentication) {
        let shown = &judged.tracks[count.track as usize];
        let Some(id) = &ids[count.track as usize] else { continue };
        let ends = if count.first_ms == count.last_ms { vec![count.first_ms] } else { vec![count.first_ms, count.last_ms] };
        for ms in ends {
            match marks.owner(&shown.source, &shown.track.origin, ms) {
                Some(owner) => pieces.push(Piece { owner, id, track: &shown.track }),
                None => unmarked += 1,
            }
        }
    }
    Pairs::of(world, &pieces, unmarked)
}

/// The end of a day count whose owner is known.
struct Piece<'a> {
    owner: u32,
    /// Of the integration that it was given to.
    id: &'a str,
    track: &'a Track,
}

impl Piece<'_> {
    fn names_user(&self) -> bool {
        let nickname = self.track.username.as_deref().filter(|name| !RESERVED_USERNAMES.contains(name));
        nickname.is_some() || self.track.account_id.is_some() || self.track.email.is_some()
    }

    /// User, client and origin are named: it says itself where it belongs.
    fn is_closed(&self) -> bool {
        self.names_user() && self.track.client.is_some() && !self.track.origin.is_open()
    }

    /// Whether an integration agrees with all that open evidence names, by the contract, with nothing but the truth known.
    fn agrees(&self, world: &World, integration: &Integration) -> bool {
        let truth = world.truth();
        let owner = &truth.integrations()[self.owner as usize];
        let origin = match &self.track.origin {
            Origin::Job(job) => integration.job.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(job)),
            Origin::Unknown | Origin::TokenLabel(_) => true,
            Origin::Address(_) if integration.origin == Origin::Roaming => true,
            other => *other == integration.origin,
        };
        let place = |repository: &usize| {
            let name = truth.repository(*repository);
            let (workspace, slug) = name.split_once('/').unwrap();
            self.track.workspace.as_deref().is_none_or(|own| own == workspace)
                && self.track.repository.as_deref().is_none_or(|own| own == slug)
        };
        origin
            && (!self.names_user() || integration.user == owner.user)
            && self.track.client.as_deref().is_none_or(|client| client == integration.client)
            && integration.repositories.iter().any(place)
    }
}

impl Pairs {
    fn of(world: &World, pieces: &[Piece<'_>], unmarked: u64) -> Self {
        let closed = || pieces.iter().filter(|piece| piece.is_closed());
        let (owners, homes): (BTreeSet<u32>, BTreeSet<&str>) =
            (closed().map(|piece| piece.owner).collect(), closed().map(|piece| piece.id).collect());
        let seen: Vec<&Integration> = world.truth().integrations().iter().filter(|it| owners.contains(&it.id)).collect();
        let mut pairs = Self { unmarked, ..Self::default() };
        for piece in pieces {
            let joined = homes.contains(piece.id);
            let may_stand_alone = || seen.iter().filter(|it| piece.agrees(world, it)).count() != 1;
            let group = if joined || !may_stand_alone() { &mut pairs.together } else { &mut pairs.alone };
            *group.entry((piece.owner, piece.id.to_owned())).or_default() += 1;
        }
        pairs
    }

    /// As if nothing could be open: what stands alone is torn from its own.
    pub fn strictly(&self) -> Self {
        let mut together = self.together.clone();
        for (key, pieces) in &self.alone {
            *together.entry(key.clone()).or_default() += pieces;
        }
        Self { together, alone: BTreeMap::new(), unmarked: self.unmarked }
    }
}

impl Pairs {
    /// Precision is, of the pairs that were put together, the share that belongs together; recall, of the pairs that belong
    /// together, the share that was. F1 is their harmonic mean.
    pub fn f1(&self) -> f64 {
        let (mut real, mut said): (BTreeMap<u32, u64>, BTreeMap<&str, u64>) = (BTreeMap::new(), BTreeMap::new());
        for ((owner, id), pieces) in &self.together {
            *real.entry(*owner).or_default() += pieces;
            *said.entry(id).or_default() += pieces;
        }
        2.0 * of_pairs(self.together.values()) / (of_pairs(said.values()) + of_pairs(real.values()))
    }

    /// The share of the pieces whose line is not known.
    pub fn unmarked(&self) -> Sample {
        let mut sample = Sample::default();
        let marked = self.together.values().chain(self.alone.values()).sum::<u64>();
        (0..marked + self.unmarked).for_each(|piece| sample.count(piece < self.unmarked, None));
        sample
    }

    /// The largest of what was put together wrongly or was not, for whoever looks why.
    pub fn slips(&self, world: &World) -> Vec<String> {
        let mut most: BTreeMap<u32, (u64, &str)> = BTreeMap::new();
        for ((owner, id), pieces) in &self.together {
            let best = most.entry(*owner).or_default();
            *best = (*best).max((*pieces, id));
        }
        let strays = self.together.iter().filter(|((owner, id), _)| most[owner].1 != id);
        let mut strays: Vec<(u64, String)> = strays
            .map(|((owner, id), pieces)| {
                let it = &world.truth().integrations()[*owner as usize];
                let home = most[owner];
                (
                    *pieces,
                    format!("{pieces} of {} {:?} {} are {id}, {} are {}", it.kind, it.door, it.origin.text(), home.0, home.1),
                )
            })
            .collect();
        strays.sort_unstable_by(|a, b| b.cmp(a));
        strays.into_iter().map(|(_, words)| words).take(30).collect()
    }
}

/// How many pairs there are within the groups.
#[expect(clippy::cast_precision_loss, reason = "a share of pairs needs no exact count of them")]
fn of_pairs<'a>(groups: impl Iterator<Item = &'a u64>) -> f64 {
    groups.map(|pieces| (pieces * pieces.saturating_sub(1) / 2) as f64).sum()
}

#[test]
fn pairs_are_counted_within_groups() {
    let together = [((1, "a"), 3), ((1, "b"), 1), ((2, "b"), 2)];
    let together = together.into_iter().map(|((owner, id), pieces)| ((owner, id.to_owned()), pieces)).collect();
    // Rightly together: 3 + 0 + 1. Said: 3 of a, 3 of b. Real: 6 of 1, 1 of 2.
    let f1 = Pairs { together, ..Pairs::default() }.f1();
    assert!((f1 - 2.0 * 4.0 / (6.0 + 7.0)).abs() < 1e-12, "{f1}");
}
