//! The judgement over whole histories: who is who, what belongs together, where each integration stands, what comes
//! first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;

use super::attribute::{Unit, attribute};
use super::covered::Coverages;
use super::days::{Counted, Names, Showing, UnitUses};
use super::explain::Trace;
use super::identity::{People, split_by_bearer};
use super::keys::{self, Assigned};
use super::observed::{Sightings, Watch};
use super::rights::Rights;
use super::timeline::Rules;
use super::tracks::Spans;
use super::{
    Authentications, CampaignFindings, Findings, KnownIntegration, Observation, Person, Policy, Share, authentications,
    integrations, owners, reidentified, silence, tokens, users,
};
use crate::evidence::{Campaign, ClientCatalogue, Day, History, Ledger, Roster};

/// Evidence older than this is not judged: it lies beyond every retirement, and each day of it is a row of the burndown.
const MAX_DAYS: i32 = 4_000;

/// Everything the judgement looks at.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The instant it is seen from. For `--as-of DATE` the end of that day; later evidence is left out.
    pub now: Timestamp,
    pub history: &'a History,
    pub roster: &'a Roster,
    pub ledger: &'a Ledger,
    pub clients: &'a ClientCatalogue,
    pub campaigns: &'a [Campaign],
    pub policy: &'a Policy,
    /// In the order in which they became known.
    pub known: &'a [KnownIntegration],
    /// So many integrations are looked at side by side: it is a question of time alone.
    pub cores: usize,
    /// Secret; what new ids are made with where they may not tell whose they are, else empty.
    pub id_key: &'a [u8],
}

/// What the steps of the judgement share. Vectors are by unit unless they say otherwise.
pub(super) struct Scene<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    /// The first and last day that are judged; the last may not be over.
    pub(super) first: Day,
    pub(super) today: Day,
    pub(super) people: People,
    /// The teams that the directory names, by user id.
    pub(super) teams: HashMap<String, String>,
    pub(super) rights: Rights<'a>,
    pub(super) units: Vec<Unit>,
    pub(super) ids: Vec<String>,
    /// Ids that a unit, or what it took in, had before.
    pub(super) former_ids: Vec<Vec<String>>,
    pub(super) persons: Vec<Person>,
    /// A number for each user; none where nobody is named.
    pub(super) user_numbers: Vec<Option<usize>>,
    /// What each unit's uses are folded from, one unit at a time: those of all would not fit into memory.
    pub(super) counted: Arc<Counted>,
    pub(super) names: Names<'a>,
    /// By place number.
    pub(super) is_repository: Vec<bool>,
    /// By source number: until when it was looked at.
    looked_until_ms: Vec<i64>,
}

/// Judges everything that was recorded, as seen from `now`.
pub fn assess(inputs: &Inputs<'_>) -> Findings {
    let spans = Spans::new(inputs.history);
    let people = People::new(inputs.roster, inputs.history, &spans);
    let history = split_by_bearer(inputs.history, &people);
    let spans = if matches!(history, Cow::Borrowed(_)) { spans } else { Spans::new(&history) };
    let inputs = &Inputs { history: &history, ..*inputs };
    let units = attribute(&history.tracks, &spans, &people, inputs.clients);
    let Assigned { ids, former_ids, new_keys, turns } = keys::assign(&units, inputs.known, inputs.now, inputs.id_key);
    let scene = Scene::new(inputs, people, units, (ids, former_ids));
    let rules: Vec<Rules<'_>> = scene.campaigns().collect();
    let Passed { mut campaigns, sightings, of_users, authentications } = pass(&scene, &rules);
    let watch = Watch::new(&scene, sightings);
    let users = users::judge(&scene, &watch, &campaigns, &of_users);
    if let Some(Observation { active, observed, .. }) = &watch.observation {
        note_observed(&mut campaigns, Share { part: *observed, whole: *active }, inputs.now);
    }
    Findings {
        now: inputs.now,
        tokens: tokens::judge(&scene, &users),
        users,
        observation: watch.observation,
        authentications,
        campaigns,
        traces: scene.traces(),
        new_keys,
        reidentified: reidentified::describe(&scene, turns),
        silences: silence::silences(inputs.history, &spans, inputs.ledger, inputs.now),
    }
}

/// What one pass over the units leaves.
struct Passed<'a> {
    campaigns: Vec<CampaignFindings>,
    sightings: Sightings<'a>,
    of_users: users::Collected<'a>,
    authentications: Authentications,
}

/// Looks at all units, on as many cores as it may.
fn pass<'a>(scene: &'a Scene<'a>, rules: &'a [Rules<'a>]) -> Passed<'a> {
    let part = |units: Range<usize>| {
        let mut part = Part::new(scene, rules);
        units.for_each(|number| part.unit(number));
        part
    };
    let mut ranges = ranges(scene).into_iter();
    let first = ranges.next().unwrap_or_default();
    let Part { judged, sightings, of_users, authentications, .. } = thread::scope(|scope| {
        let others: Vec<_> = ranges.map(|range| scope.spawn(|| part(range))).collect();
        let panicked = |panic| resume_unwind(panic);
        others.into_iter().fold(part(first), |all, other| all.with(other.join().unwrap_or_else(panicked)))
    });
    let workspaces = scene.names.places.iter().map(|place| place.workspace);
    Passed {
        campaigns: judged.into_iter().map(integrations::Judged::finish).collect(),
        sightings,
        of_users,
        authentications: authentications.finish(Arc::clone(&scene.counted), workspaces),
    }
}

/// The units in as many ranges of about one length as there are cores; all of a user, who counts once a day, are in one.
fn ranges(scene: &Scene<'_>) -> Vec<Range<usize>> {
    let length = scene.units.len().div_ceil(scene.inputs.cores.max(1));
    let user_of = |unit: usize| scene.units[unit].key.user.as_str();
    let (mut ranges, mut from) = (Vec::new(), 0);
    while from < scene.units.len() {
        let mut to = (from + length).min(scene.units.len());
        let same_user = |to: usize| !user_of(to).is_empty() && user_of(to) == user_of(to - 1);
        while to < scene.units.len() && same_user(to) {
            to += 1;
        }
        ranges.push(from..to);
        from = to;
    }
    ranges
}

/// Some of the units, looked at one after the other; nothing of their days is kept.
struct Part<'a> {
    scene: &'a Scene<'a>,
    rules: &'a [Rules<'a>],
    lifting: Option<&'a Campaign>,
    coverages: Coverages,
    /// By campaign.
    judged: Vec<integrations::Judged<'a>>,
    sightings: Sightings<'a>,
    of_users: users::Collected<'a>,
    authentications: authentications::Collected,
}

impl<'a> Part<'a> {
    fn new(scene: &'a Scene<'a>, rules: &'a [Rules<'a>]) -> Self {
        Self {
            scene,
            rules,
            lifting: scene.inputs.campaigns.iter().find(|campaign| campaign.retires_app_passwords()),
            coverages: scene.coverages(),
            judged: rules.iter().map(|rules| integrations::Judged::new(scene, rules)).collect(),
            sightings: Sightings::default(),
            of_users: users::Collected::default(),
            authentications: authentications::Collected::new(scene.first, scene.today),
        }
    }

    fn unit(&mut self, number: usize) {
        let unit = &self.scene.units[number];
        let uses = self.scene.counted.unit(&unit.tracks, self.lifting);
        let phases = phases(&uses.shown, &mut self.coverages);
        let covered: Vec<_> = phases.into_iter().map(|(day, set)| (day, self.coverages.set(set))).collect();
        for judged in &mut self.judged {
            judged.unit(number, &uses, &covered);
        }
        self.sightings.add(self.scene, number, &uses);
        self.of_users.add(self.scene, self.rules, number, &uses);
        self.authentications.add(&unit.key.user, &self.scene.ids[number], &unit.tracks, &uses);
    }

    /// With the units of the next range.
    fn with(mut self, next: Self) -> Self {
        for (judged, next) in self.judged.iter_mut().zip(next.judged) {
            judged.append(next);
        }
        self.sightings.append(next.sightings);
        self.of_users.append(next.of_users);
        self.authentications.append(next.authentications);
        self
    }
}

/// The history as the judgement sees it, with a track for each bearer of a name that changed hands: [`Trace::tracks`] point
/// into it.
pub(super) fn as_judged<'a>(history: &'a History, roster: &Roster) -> Cow<'a, History> {
    let people = People::new(roster, history, &Spans::new(history));
    split_by_bearer(history, &people)
}

/// The history with tracks that changed hands split, and the integration of each of its tracks; none for tracks that never
/// signed anybody in.
pub fn attributed<'a>(inputs: &Inputs<'a>) -> (Cow<'a, History>, Vec<Option<String>>) {
    let people = People::new(inputs.roster, inputs.history, &Spans::new(inputs.history));
    let history = split_by_bearer(inputs.history, &people);
    let units = attribute(&history.tracks, &Spans::new(&history), &people, inputs.clients);
    let Assigned { ids, .. } = keys::assign(&units, inputs.known, inputs.now, inputs.id_key);
    let mut of_tracks = vec![None; history.tracks.len()];
    for (unit, id) in units.iter().zip(&ids) {
        unit.tracks.iter().for_each(|track| of_tracks[*track] = Some(id.clone()));
    }
    (history, of_tracks)
}

/// What is observed stands beside what remains, as of today, until the removal.
fn note_observed(campaigns: &mut [CampaignFindings], share: Share, now: Timestamp) {
    let open = campaigns.iter_mut().filter(|found| !found.campaign.removed_at(now.as_millisecond() - 1));
    for today in open.filter_map(|found| found.burndown.last_mut()) {
        today.observed = Some(share).filter(|share| share.whole > 0);
    }
}

impl<'a> Scene<'a> {
    fn new(inputs: &'a Inputs<'a>, people: People, units: Vec<Unit>, (ids, former_ids): (Vec<String>, Vec<Vec<String>>)) -> Self {
        let now_ms = inputs.now.as_millisecond();
        let today = Day::of_ms(now_ms - 1);
        let oldest = today.plus(-MAX_DAYS);
        let counts = &inputs.history.counts;
        let first_of = |track: usize| counts.of(track).map(|count| count.day).find(|day| *day >= oldest);
        let firsts = (0..inputs.history.tracks.len()).filter_map(first_of).filter(|day| *day <= today);
        let first = firsts.min().unwrap_or(today);
        let (counted, names) = Counted::new(inputs.history, (first, today), inputs.campaigns);
        Self {
            inputs,
            first,
            today,
            rights: Rights::new(inputs.roster, inputs.ledger, &people, inputs.now),
            teams: owners::teams(inputs.roster, &people),
            persons: units.iter().map(|unit| people.person(&unit.key.user)).collect(),
            people,
            ids,
            former_ids,
            user_numbers: user_numbers(&units),
            units,
            is_repository: names.places.iter().map(|place| place.repository.is_some()).collect(),
            looked_until_ms: names.sources.iter().map(|source| looked_until_ms(inputs.ledger, source, now_ms)).collect(),
            counted: Arc::new(counted),
            names,
        }
    }

    fn coverages(&self) -> Coverages {
        Coverages::new(self.inputs.ledger, &self.names.sources, self.first, self.inputs.now.as_millisecond())
    }

    /// What each integration is made of, sorted by id.
    fn traces(&self) -> Vec<Trace> {
        let mut traces: Vec<Trace> = self
            .units
            .iter()
            .zip(&self.ids)
            .map(|(unit, id)| Trace { key: unit.key.with_id(id), tracks: unit.tracks.clone(), open: unit.open.clone() })
            .collect();
        traces.sort_by(|a, b| a.key.id.cmp(&b.key.id));
        traces
    }

    /// The rules of every campaign.
    pub(super) fn campaigns(&self) -> impl Iterator<Item = Rules<'a>> {
        let campaigns = self.inputs.campaigns;
        let calendar = campaigns.iter().position(Campaign::retires_app_passwords);
        campaigns.iter().enumerate().map(move |(number, campaign)| Rules {
            campaign,
            number,
            by_calendar: calendar == Some(number),
            minimum_grade: self.inputs.policy.minimum_grade,
            quiet_after_days: self.inputs.policy.quiet_after_days,
            today: self.today,
            now_ms: self.inputs.now.as_millisecond(),
        })
    }

    /// Whether an id that somebody wrote down stands for a unit, also one that it had before.
    pub(super) fn is_called(&self, unit: usize, id: &str) -> bool {
        self.ids[unit] == id || self.former_ids[unit].iter().any(|former| former == id)
    }

    /// Until when one of the sources that showed a unit was looking; what was seen was looked at.
    pub(super) fn looked_until_ms(&self, uses: &UnitUses) -> i64 {
        let looked = uses.shown.iter().map(|showing| self.looked_until_ms[showing.source as usize]);
        looked.chain(uses.cells.iter().map(|cell| cell.last_ms)).max().unwrap_or(i64::MIN)
    }
}

/// Units are sorted by user.
fn user_numbers(units: &[Unit]) -> Vec<Option<usize>> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut number = |user| {
        let next = numbers.len();
        *numbers.entry(user).or_insert(next)
    };
    units.iter().map(|unit| (!unit.key.user.is_empty()).then(|| number(unit.key.user.as_str()))).collect()
}

/// The growing set of sources that have shown a unit, from the day of each change on.
fn phases(shown: &[Showing], coverages: &mut Coverages) -> Vec<(Day, usize)> {
    let mut sources: Vec<u32> = Vec::new();
    let mut phases = Vec::new();
    for news in shown.chunk_by(|a, b| a.first == b.first) {
        sources.extend(news.iter().map(|showing| showing.source));
        sources.sort_unstable();
        phases.push((news[0].first, coverages.of(&sources)));
    }
    phases
}

/// The last instant before now up to which a source was looked at.
fn looked_until_ms(ledger: &Ledger, source: &str, now_ms: i64) -> i64 {
    let intervals = ledger.sources.get(source).map_or(&[][..], Vec::as_slice);
    let looked = intervals.iter().filter(|c| c.state.looked() && c.from_ms < now_ms);
    looked.map(|c| c.to_ms.min(now_ms)).max().unwrap_or(i64::MIN)
}
