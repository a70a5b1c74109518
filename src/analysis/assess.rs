//! The judgement over whole histories: who is who, what belongs together, where each integration stands, what comes
//! first.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::attribute::{Unit, attribute};
use super::covered::Coverages;
use super::days::{self, Uses};
use super::explain::Trace;
use super::identity::{People, split_by_bearer};
use super::keys::{self, Assigned};
use super::observed::Watch;
use super::rights::Rights;
use super::timeline::Rules;
use super::tracks::Spans;
use super::{
    CampaignFindings, Findings, KnownIntegration, Observation, Person, Policy, Share, authentications, integrations, owners,
    reidentified, silence, tokens, users,
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
    pub(super) uses: Uses<'a>,
    /// By place number.
    pub(super) is_repository: Vec<bool>,
    pub(super) coverages: Coverages,
    /// From which day on which set of sources had shown the unit.
    pub(super) covered: Vec<Vec<(Day, usize)>>,
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
    let mut campaigns: Vec<_> = scene.campaigns().map(|rules| integrations::judge(&scene, &rules)).collect();
    let watch = Watch::new(&scene);
    let users = users::judge(&scene, &watch, &campaigns);
    if let Some(Observation { active, observed, .. }) = &watch.observation {
        note_observed(&mut campaigns, Share { part: *observed, whole: *active }, inputs.now);
    }
    Findings {
        now: inputs.now,
        tokens: tokens::judge(&scene, &users),
        users,
        observation: watch.observation,
        authentications: authentications::list(&scene),
        campaigns,
        traces: scene.traces(),
        new_keys,
        reidentified: reidentified::describe(&scene, turns),
        silences: silence::silences(inputs.history, inputs.ledger, inputs.now),
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
        let judged = inputs.history.counts.iter().map(|count| count.day).filter(|day| (oldest..=today).contains(day));
        let first = judged.min().unwrap_or(today);
        let uses = days::fold(inputs.history, &units, (first, today), inputs.campaigns);
        let mut coverages = Coverages::new(inputs.ledger, &uses.sources, first, now_ms);
        let covered = uses.units.iter().map(|unit| phases(&unit.shown, &mut coverages)).collect();
        Self {
            inputs,
            first,
            today,
            rights: Rights::new(inputs.roster, inputs.ledger, &people),
            teams: owners::teams(inputs.roster, &people),
            persons: units.iter().map(|unit| people.person(&unit.key.user)).collect(),
            people,
            ids,
            former_ids,
            user_numbers: user_numbers(&units),
            units,
            is_repository: uses.places.iter().map(|place| place.repository.is_some()).collect(),
            coverages,
            covered,
            looked_until_ms: uses.sources.iter().map(|source| looked_until_ms(inputs.ledger, source, now_ms)).collect(),
            uses,
        }
    }

    /// What each integration is made of, sorted by id.
    fn traces(&self) -> Vec<Trace> {
        let mut traces: Vec<Trace> = self
            .units
            .iter()
            .zip(&self.ids)
            .map(|(unit, id)| Trace { key: unit.key.with_id(id), tracks: unit.tracks.clone() })
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
    pub(super) fn looked_until_ms(&self, unit: usize) -> i64 {
        let uses = &self.uses.units[unit];
        let looked = uses.shown.iter().map(|(_, source)| self.looked_until_ms[*source as usize]);
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
fn phases(shown: &[(Day, u32)], coverages: &mut Coverages) -> Vec<(Day, usize)> {
    let mut sources: Vec<u32> = Vec::new();
    let mut phases = Vec::new();
    for news in shown.chunk_by(|a, b| a.0 == b.0) {
        sources.extend(news.iter().map(|(_, source)| *source));
        sources.sort_unstable();
        phases.push((news[0].0, coverages.of(&sources)));
    }
    phases
}

/// The last instant before now up to which a source was looked at.
fn looked_until_ms(ledger: &Ledger, source: &str, now_ms: i64) -> i64 {
    let intervals = ledger.sources.get(source).map_or(&[][..], Vec::as_slice);
    let looked = intervals.iter().filter(|c| c.state.looked() && c.from_ms < now_ms);
    looked.map(|c| c.to_ms.min(now_ms)).max().unwrap_or(i64::MIN)
}
