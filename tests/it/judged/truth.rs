//! The truth of a world: the contract's table over all true uses, each with its true user, client, origin and credential,
//! never missed and never doubted. The table is `analysis::assess` itself, which an oracle of its own checks.

use std::collections::BTreeMap;

use duskwatch::{
    analysis::{Inputs, Policy, assess},
    evidence::{
        ClientCatalogue, Coverage, CoverageState, Day, DayCount, Grade, History, Ledger, Roster, Status, Track, TrackCount,
        Verdict, time::hour_bit,
    },
    simulator::{Integration, Use, User, World},
};
use jiff::Timestamp;

use crate::support::{at, small_world};

/// User, client and origin.
pub type Key = (String, String, String);

/// The user ids by which the contract knows somebody: the account, and the names until they are resolved.
fn names_of(user: &User) -> impl Iterator<Item = String> {
    let nicknames = user.formerly.as_ref().map(|(_, nickname)| nickname).into_iter().chain([&user.nickname]);
    let names = nicknames.map(|nickname| format!("name:{nickname}"));
    names.chain([format!("email:{}", user.email), user.account_id.clone()]).collect::<Vec<_>>().into_iter()
}

/// The only source, which misses nothing.
const SOURCE: &str = "log/truth";

/// Everything that really happened, as a history that the judgement can read.
pub struct Truth<'a> {
    world: &'a World,
    clients: ClientCatalogue,
    history: History,
    ledger: Ledger,
    /// For each integration that ever presents the legacy credential: the day of its first legacy use under each grade that
    /// its log gives away, from `weak` up.
    seen: BTreeMap<u32, [Option<Day>; 3]>,
    by_key: BTreeMap<Key, u32>,
}

impl<'a> Truth<'a> {
    pub fn of(world: &'a World) -> Self {
        let mut truth = Self {
            world,
            clients: ClientCatalogue::builtin().unwrap(),
            history: History { rules: vec!["prefix-app-password".to_owned()], ..History::default() },
            ledger: Ledger::default(),
            seen: BTreeMap::new(),
            by_key: BTreeMap::new(),
        };
        let mut counts = Vec::new();
        for integration in world.truth().integrations() {
            for user in names_of(&world.truth().users()[integration.user]) {
                truth.by_key.insert((user, integration.client.to_owned(), integration.origin.text()), integration.id);
            }
            truth.learn(integration, &mut counts);
        }
        truth.history.counts = counts.into();
        let (first, last) = world.truth().days();
        let always = Coverage {
            from_ms: first.start_ms(),
            to_ms: last.start_ms(),
            state: CoverageState::Covered,
            items: 1,
            skipped: 0,
            reason: String::new(),
        };
        truth.ledger.sources.insert(SOURCE.to_owned(), vec![always]);
        truth
    }

    fn learn(&mut self, integration: &'a Integration, counts: &mut Vec<DayCount>) {
        let world = self.world;
        let (first, last) = world.truth().days();
        let mut tracks: BTreeMap<usize, u32> = BTreeMap::new();
        let mut days: BTreeMap<(u32, Day, Verdict), DayCount> = BTreeMap::new();
        for one in world.truth().uses(integration, first, last) {
            let track = *tracks.entry(one.repository).or_insert_with(|| self.track(integration, one.repository));
            let (day, verdict) = (Day::of_ms(one.at_ms), verdict(&one));
            let fresh = DayCount { track, day, verdict, uses: 0, first_ms: one.at_ms, last_ms: one.at_ms, hours: 0 };
            let count = days.entry((track, day, verdict)).or_insert(fresh);
            count.uses += 1;
            count.last_ms = count.last_ms.max(one.at_ms);
            count.hours |= hour_bit(one.at_ms);
            if world.truth().campaign().is_legacy(one.credential) {
                self.note_sign(integration, &one);
            }
        }
        counts.extend(days.into_values());
    }

    /// What the log of the integration gives away of one legacy use.
    fn note_sign(&mut self, integration: &Integration, one: &Use) {
        let grade = self.world.truth().sign_of(integration, one);
        let seen = self.seen.entry(integration.id).or_default();
        for (first, least) in seen.iter_mut().zip([Grade::Weak, Grade::Strong, Grade::Proven]) {
            if grade >= least {
                *first = first.or(Some(Day::of_ms(one.at_ms)));
            }
        }
    }

    fn track(&mut self, integration: &Integration, repository: usize) -> u32 {
        let user = &self.world.truth().users()[integration.user];
        let name = self.world.truth().repository(repository);
        let (workspace, slug) = name.split_once('/').unwrap();
        let track = Track {
            username: None,
            email: None,
            account_id: Some(user.account_id.clone()),
            display_name: None,
            client: Some(integration.client.to_owned()),
            origin: integration.origin.clone(),
            host: None,
            workspace: Some(workspace.to_owned()),
            repository: Some(slug.to_owned()),
            token_id: None,
            token_label: None,
            secret_id: None,
        };
        self.history.tracks.push(TrackCount { source: SOURCE.to_owned(), track });
        u32::try_from(self.history.tracks.len() - 1).unwrap()
    }

    /// The integration of a key.
    pub fn named(&self, key: &Key) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// Where every integration with legacy use stands at an instant.
    pub fn statuses(&self, now: Timestamp) -> BTreeMap<u32, Status> {
        let findings = assess(&Inputs {
            now,
            history: &self.history,
            roster: &Roster::default(),
            ledger: &self.ledger,
            clients: &self.clients,
            campaigns: &[self.world.truth().campaign().clone()],
            policy: &Policy::default(),
            known: &[],
            cores: 1,
            id_key: &[],
        });
        let rows = findings.campaigns[0].integrations.iter();
        rows.map(|row| (self.by_key[&(row.user.id.clone(), row.client.clone(), row.origin.clone())], row.status)).collect()
    }

    /// Whether a log has given away a legacy use of an integration before an instant, with its user's name, at a grade.
    pub fn shown(&self, integration: u32, least: Grade, now: Timestamp) -> bool {
        let first = self.seen.get(&integration).and_then(|seen| seen[least as usize - 1]);
        first.is_some_and(|day| day.end() <= now)
    }

    /// Whether an integration ever presents the legacy credential.
    pub fn is_legacy(&self, integration: u32) -> bool {
        self.seen.contains_key(&integration)
    }
}

fn verdict(one: &Use) -> Verdict {
    Verdict {
        credential: one.credential,
        grade: Grade::Proven,
        outcome: one.outcome,
        operation: one.operation,
        window: one.window,
        rule: 0,
        authentication: true,
    }
}

#[test]
fn the_truth_names_whoever_really_used_an_app_password() {
    let now = at("2026-07-20T00:00:00Z");
    let world = small_world(1, now, 60);
    let (first, last) = (world.truth().days().0, Day::of(now));
    let used = |it: &&Integration| world.truth().legacy_uses(it, first, last).next().is_some();
    let legacy: Vec<u32> = world.truth().integrations().iter().filter(used).map(|it| it.id).collect();
    let statuses = Truth::of(&world).statuses(now);
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), legacy);
    assert!(legacy.len() > 5 && statuses.values().any(|status| *status == Status::Active), "{statuses:?}");
}
