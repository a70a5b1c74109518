//! Explaining one row: the judgement, and what the store still keeps behind it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{Options, freshness::Budgets, judge::Material};
use crate::{
    analysis::{
        Classifier, Findings,
        explain::{Gathered, Material as Behind, Subject, Unknown, as_judged, explain as explanation_of, find, tracks_of},
        track_of,
    },
    evidence::{Day, Grade, History, Sighting, TrackCount},
    report::{
        explain::{self, Explained},
        privacy::{self, Disguise},
    },
    store::{KeptDay, Reader, Store, StoreError, TrackRow},
};

/// What `explain` was asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// An integration's id, or any name of a user.
    pub subject: String,
    /// Pieces of evidence, at most.
    pub limit: usize,
}

/// Explains an integration or a user as the store is; nothing is recorded.
///
/// # Errors
/// The inner one when nobody, or several, go by the name.
pub async fn explain(options: Options, now: Timestamp, question: Question) -> anyhow::Result<Result<Explained, Unknown>> {
    let store = Store::open_read_only(&options.store)?;
    let options = Arc::new(options);
    let reading = Arc::clone(&options);
    let material = store.read(move |r| Material::read(r, &reading, &Budgets::new(), now)).await?;
    let judging = Arc::clone(&options);
    let (material, findings) = spawn_blocking(move || {
        let mut material = material;
        let findings = material.assess(&judging, now);
        if let Cow::Owned(split) = as_judged(&material.history, &material.roster) {
            material.history = split;
        }
        (material, findings)
    })
    .await?;
    let asked = as_meant(&question.subject, &material, &findings, &options);
    let subject = match find(&findings, &material.roster, &material.known, &asked) {
        Ok(subject) => subject,
        Err(unknown) => return Ok(Err(as_shown(unknown, &material, &findings, &options))),
    };
    let (classifier, reading) = (options.classifier(), options.classifier());
    let (material, findings, subject, gathered, limits, kept_from) =
        store.read(move |r| with_evidence(r, material, findings, subject, (&reading, question.limit))).await?;
    let explained = spawn_blocking(move || {
        let explanation = explanation_of(
            &Behind {
                findings: &findings,
                history: &material.history,
                roster: &material.roster,
                known: &material.known,
                clients: &options.catalogue,
                classifier: &classifier,
                limits: &limits,
                gathered: &gathered,
            },
            &subject,
        );
        let shown = match material.people(&options) {
            Some(people) => privacy::explanation(explanation, &Disguise::new(&people, &findings, &options.policy)),
            None => explanation,
        };
        explain::document(&shown, &options.catalogue, &options.schedule.timezone, kept_from)
    })
    .await?;
    Ok(Ok(explained))
}

/// What was asked for: a person may be asked for by the pseudonym that reports show.
fn as_meant(asked: &str, material: &Material, findings: &Findings, options: &Options) -> String {
    let Some(people) = material.people(options) else { return asked.to_owned() };
    let ids = findings.users.iter().map(|user| user.user.id.as_str());
    let ids = ids.chain(findings.traces.iter().map(|trace| trace.key.user.as_str()));
    let meant = Disguise::new(&people, findings, &options.policy).behind(asked, ids).map(str::to_owned);
    meant.unwrap_or_else(|| asked.to_owned())
}

/// Nobody, or several, without names that are not shown: of what could have been asked for the integrations stay.
fn as_shown(unknown: Unknown, material: &Material, findings: &Findings, options: &Options) -> Unknown {
    let Some(people) = material.people(options) else { return unknown };
    let disguise = Disguise::new(&people, findings, &options.policy);
    match unknown {
        Unknown::Several(users) => Unknown::Several(users.iter().map(|user| disguise.id(user)).collect()),
        Unknown::Nobody(names) => {
            let ids: HashSet<&str> = findings.traces.iter().map(|trace| trace.key.id.as_str()).collect();
            Unknown::Nobody(names.into_iter().filter(|name| ids.contains(name.as_str())).collect())
        }
    }
}

type Limits = HashMap<String, Grade>;
/// With what the store keeps of the subject, what its sources' word counts for, and the day from which on all is kept.
type WithEvidence = (Material, Findings, Subject, Vec<Gathered>, Limits, Option<Day>);

fn with_evidence(
    r: &Reader,
    material: Material,
    findings: Findings,
    subject: Subject,
    (classifier, limit): (&Classifier, usize),
) -> Result<WithEvidence, StoreError> {
    let tracks = tracks_of(&findings, &subject);
    let gathered = gather(r, &Counted::new(&material.history), &tracks, (classifier, limit))?;
    let states = r.source_states()?.into_iter();
    let limits = states.filter_map(|(source, state)| Some((source, state.maximum_grade?))).collect();
    let kept_from = r.retention()?.map(|retention| retention.raw_from);
    Ok((material, findings, subject, gathered, limits, kept_from))
}

/// Which tracks were counted when.
struct Counted<'a> {
    history: &'a History,
    numbers: HashMap<&'a TrackCount, usize>,
}

impl<'a> Counted<'a> {
    fn new(history: &'a History) -> Self {
        Self { history, numbers: history.tracks.iter().enumerate().map(|(number, track)| (track, number)).collect() }
    }

    /// Sightings that were one track when they were recorded, and are found together, may be several since they were judged
    /// anew. Whether one of them belongs to another track than this, which was counted on the same day.
    fn to_another(&self, number: usize, day: Day, sighting: &Sighting<'_>, classifier: &Classifier) -> bool {
        let own = &self.history.tracks[number];
        let shown = TrackCount { source: own.source.clone(), track: track_of(sighting, classifier) };
        let other = self.numbers.get(&shown).copied().filter(|other| *other != number);
        let counts = &self.history.counts;
        other.is_some_and(|other| counts.binary_search_by_key(&(other, day), |c| (c.track as usize, c.day)).is_ok())
    }
}

/// What is kept of tracks, the newest `limit` pieces: the sightings of each day, and the days of which only counts are left.
fn gather(
    r: &Reader,
    counted: &Counted<'_>,
    tracks: &[usize],
    (classifier, limit): (&Classifier, usize),
) -> Result<Vec<Gathered>, StoreError> {
    let history = counted.history;
    let rows = r.track_rows(&tracks.iter().map(|track| &history.tracks[*track]).collect::<Vec<_>>())?;
    let mut gathered = Vec::new();
    for (day, shown) in days(history, tracks).into_iter().rev() {
        let left = limit - gathered.len();
        if left == 0 {
            break;
        }
        let known: Vec<(usize, TrackRow)> = shown.iter().filter_map(|at| Some((tracks[*at], rows[*at]?))).collect();
        let asked: Vec<TrackRow> = known.iter().map(|(_, row)| *row).collect();
        let KeptDay { sightings, kept } = r.kept_on(day, &asked, left)?;
        let piece = |(at, sighting): (usize, Sighting<'static>)| Gathered { track: known[at].0, day, sighting: Some(sighting) };
        let own = |(at, sighting): &(usize, Sighting<'static>)| !counted.to_another(known[*at].0, day, sighting, classifier);
        gathered.extend(sightings.into_iter().filter(own).map(piece));
        let pruned = known.iter().enumerate().filter(|(at, _)| kept.binary_search(at).is_err());
        gathered.extend(pruned.map(|(_, (track, _))| Gathered { track: *track, day, sighting: None }));
        gathered.truncate(limit);
    }
    Ok(gathered)
}

/// On which days which of the tracks were counted; places in `tracks`, which is sorted.
fn days(history: &History, tracks: &[usize]) -> BTreeMap<Day, Vec<usize>> {
    let mut days: BTreeMap<Day, Vec<usize>> = BTreeMap::new();
    for count in &history.counts {
        let Ok(at) = tracks.binary_search(&(count.track as usize)) else { continue };
        let of_day = days.entry(count.day).or_default();
        // Counts are sorted by track.
        if of_day.last() != Some(&at) {
            of_day.push(at);
        }
    }
    days
}
