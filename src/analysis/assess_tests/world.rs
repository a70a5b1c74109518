//! A small world to judge: evidence, coverage and inventories, written down day by day.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::Timestamp;

use crate::analysis::{Anew, Findings, Inputs, Integration, KnownIntegration, Policy, Reclassified, assess, reclassified};
use crate::evidence::{
    ApiToken, Campaign, ClientCatalogue, Coverage, CoverageState, Credential, Day, DayCount, Grade, History, Ledger, Member,
    Origin, Outcome, Person, Roster, Track, TrackCount, Verdict,
    time::{hour_bit, instant},
};

pub(super) use crate::evidence::Outcome::{Accepted, Rejected};

/// Day 0 of every test; the brownouts start on day 100 and the removal is day 149.
pub(super) fn day(number: i32) -> Day {
    Day::parse("2026-03-01").unwrap().plus(number)
}

pub(super) const REMOVAL: i32 = 149;
pub(super) const LOG: &str = "log/egress";

pub(super) fn legacy(outcome: Outcome) -> Verdict {
    Verdict::of(Credential::AppPassword, Grade::Strong, outcome)
}

pub(super) fn token(outcome: Outcome) -> Verdict {
    Verdict::of(Credential::ApiToken, Grade::Strong, outcome)
}

/// A track of one user's Jenkins on the build farm, on one repository of the workspace `acme`.
pub(super) fn jenkins(username: &str, repository: &str) -> Track {
    Track {
        username: Some(username.to_owned()),
        client: Some("jenkins".to_owned()),
        origin: Origin::Network("build-farm".to_owned()),
        workspace: Some("acme".to_owned()),
        repository: Some(repository.to_owned()),
        ..Track::default()
    }
}

pub(super) fn person(account: &str, nickname: &str, email: &str) -> Person {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Person { account_id: some(account), nickname: some(nickname), email: some(email), ..Person::default() }
}

/// Compiled once: it is slow.
static CLIENTS: LazyLock<ClientCatalogue> = LazyLock::new(|| ClientCatalogue::builtin().unwrap());

pub(super) struct World {
    counts: BTreeMap<(String, Track), Vec<DayCount>>,
    pub(super) roster: Roster,
    ledger: Ledger,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) policy: Policy,
    pub(super) known: Vec<KnownIntegration>,
    /// The ids of the rules that verdicts point into.
    pub(super) rules: Vec<String>,
}

impl World {
    /// Nothing was seen, by anybody.
    pub(super) fn empty() -> Self {
        let campaign = Campaign::builtin("builtin:bitbucket-app-passwords").unwrap();
        Self {
            counts: BTreeMap::new(),
            roster: Roster::default(),
            ledger: Ledger::default(),
            campaigns: vec![Campaign::parse(campaign).unwrap()],
            policy: Policy::default(),
            known: Vec::new(),
            rules: vec!["basic-nickname-rest".to_owned()],
        }
    }

    /// The egress log was always looked at.
    pub(super) fn watched() -> Self {
        let mut world = Self::empty();
        world.cover(LOG, 0, 400);
        world
    }

    /// A source was looked at from the start of one day to the start of another.
    pub(super) fn cover(&mut self, source: &str, from: i32, to: i32) {
        let interval = Coverage {
            from_ms: day(from).start_ms(),
            to_ms: day(to).start_ms(),
            state: CoverageState::Covered,
            items: 0,
            skipped: 0,
            reason: String::new(),
        };
        self.ledger.sources.entry(source.to_owned()).or_default().push(interval);
    }

    /// One use at noon, seen by the egress log.
    pub(super) fn see(&mut self, track: &Track, on: i32, verdict: Verdict) {
        self.see_through(LOG, track, on, verdict, 1);
    }

    pub(super) fn see_through(&mut self, source: &str, track: &Track, on: i32, verdict: Verdict, uses: u64) {
        self.see_at(source, track, day(on).start_ms() + 43_200_000, verdict, uses);
    }

    pub(super) fn see_at(&mut self, source: &str, track: &Track, ms: i64, verdict: Verdict, uses: u64) {
        let count = DayCount { track: 0, day: Day::of_ms(ms), verdict, uses, first_ms: ms, last_ms: ms, hours: hour_bit(ms) };
        self.counts.entry((source.to_owned(), track.clone())).or_default().push(count);
    }

    /// Uses of one day with one verdict, from an instant to another: one count, as the store keeps it.
    pub(super) fn see_between(&mut self, track: &Track, (first_ms, last_ms): (i64, i64), verdict: Verdict, uses: u64) {
        let hours = hour_bit(first_ms) | hour_bit(last_ms);
        let count = DayCount { track: 0, day: Day::of_ms(first_ms), verdict, uses, first_ms, last_ms, hours };
        self.counts.entry((LOG.to_owned(), track.clone())).or_default().push(count);
    }

    pub(super) fn member(&mut self, person: Person, permission: &str) {
        self.roster.members.push(Member {
            workspace: "acme".to_owned(),
            person,
            permission: Some(permission.to_owned()),
            last_accessed: None,
        });
    }

    pub(super) fn api_token(&mut self, id: &str, person: Person, expires: Option<i32>) {
        self.roster.tokens.push(ApiToken {
            organization: "acme".to_owned(),
            token_id: id.to_owned(),
            label: "mirror".to_owned(),
            status: "ALLOWED".to_owned(),
            person,
            created_at: None,
            expires_at: expires.map(|number| day(number).start()),
            last_active_at: None,
        });
    }

    pub(super) fn history(&self) -> History {
        let mut history = History { rules: self.rules.clone(), ..History::default() };
        let mut counts = Vec::new();
        for (number, ((source, track), own)) in (0..).zip(&self.counts) {
            history.tracks.push(TrackCount { source: source.clone(), track: track.clone() });
            counts.extend(own.iter().map(|count| DayCount { track: number, ..*count }));
        }
        history.counts = counts.into();
        history
    }

    /// What is different, seen from the end of a day, when what is kept (from a day on) is judged as in another world.
    pub(super) fn judged_anew(&self, as_in: &Self, kept_from: i32, on: i32) -> Reclassified {
        let (before, history) = (self.history(), as_in.history());
        let mut kept = BTreeMap::new();
        for count in before.counts.iter().filter(|count| count.day >= day(kept_from)) {
            *kept.entry((count.day, before.tracks[count.track as usize].source.clone())).or_insert(0) += count.uses;
        }
        let inputs = Inputs {
            now: day(on).end(),
            history: &before,
            roster: &self.roster,
            ledger: &self.ledger,
            clients: &CLIENTS,
            campaigns: &self.campaigns,
            policy: &self.policy,
            known: &self.known,
            cores: 3,
            id_key: &[],
        };
        reclassified(&inputs, Anew { history, kept })
    }

    /// Judged from the end of a day.
    pub(super) fn judged_on(&self, on: i32) -> Findings {
        self.judged_at(day(on).end())
    }

    pub(super) fn judged_at(&self, now: Timestamp) -> Findings {
        assess(&Inputs {
            now,
            history: &self.history(),
            roster: &self.roster,
            ledger: &self.ledger,
            clients: &CLIENTS,
            campaigns: &self.campaigns,
            policy: &self.policy,
            known: &self.known,
            cores: 3,
            id_key: &[],
        })
    }

    /// The only integration, judged from the end of a day.
    pub(super) fn row(&self, on: i32) -> Integration {
        let mut rows = self.rows(on);
        assert_eq!(rows.len(), 1, "one integration is expected");
        rows.remove(0)
    }

    pub(super) fn rows(&self, on: i32) -> Vec<Integration> {
        self.judged_on(on).campaigns.remove(0).integrations
    }
}

pub(super) fn noon(number: i32) -> Timestamp {
    instant(day(number).start_ms() + 43_200_000)
}
