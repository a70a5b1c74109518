//! Explaining one row: the judgement, and what the store still keeps behind it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{Options, freshness::Budgets, judge::Material};
use crate::{
    analysis::{
        Classifier, Findings, KnownIntegration,
        explain::{Gathered, Material as Behind, Subject, Unknown, as_judged, explain as explanation_of, find, tracks_of},
        track_of,
    },
    evidence::{Day, Grade, History, Roster, Sighting, TrackCount},
    report::{
        explain::{self, Explained},
        inert,
        privacy::{self, Disguise, People},
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
    let basis = spawn_blocking(move || {
        let findings = material.assess(&options, now);
        Arc::new(Basis::new(material, findings, options))
    })
    .await?;
    let subject = match basis.find(&question.subject) {
        Ok(subject) => subject,
        Err(unknown) => return Ok(Err(unknown)),
    };
    let kept = basis.kept(&store, &subject, question.limit).await?;
    Ok(Ok(spawn_blocking(move || basis.explained(&subject, &kept)).await?))
}

/// One judgement, and what it was made of: rows are explained from it for as long as it is shown.
pub struct Basis {
    findings: Findings,
    history: History,
    /// The history as it was judged, where that is another; made when somebody asks first.
    split: OnceLock<Option<History>>,
    roster: Roster,
    known: Vec<KnownIntegration>,
    people_key: Vec<u8>,
    /// How people are shown, where they have pseudonyms; made when somebody asks first.
    disguise: OnceLock<Disguise>,
    options: Arc<Options>,
}

/// What the store still keeps behind a subject.
#[derive(Default)]
pub(super) struct Kept {
    gathered: Vec<Gathered>,
    /// What the word of a source counts for at most, by its name.
    limits: HashMap<String, Grade>,
    /// The day from which on single pieces are kept.
    from: Option<Day>,
}

impl Basis {
    pub(super) fn new(material: Material, findings: Findings, options: Arc<Options>) -> Self {
        let Material { history, roster, known, people_key, .. } = material;
        Self { findings, history, split: OnceLock::new(), roster, known, people_key, disguise: OnceLock::new(), options }
    }

    /// How people are shown, unless it is by their names.
    fn disguise(&self) -> Option<&Disguise> {
        let machines = self.options.privacy.pseudonyms.then_some(&self.options.privacy.machines)?;
        let people = People { key: &self.people_key, roster: &self.roster, machines };
        Some(self.disguise.get_or_init(|| Disguise::new(&people, &self.findings, &self.options.policy)))
    }

    /// The ids of everybody who may be asked for.
    fn users(&self) -> impl Iterator<Item = &str> {
        let listed = self.findings.users.iter().map(|user| user.user.id.as_str());
        let seen = self.findings.traces.iter().map(|trace| trace.key.user.as_str());
        listed.chain(seen).filter(|id| !id.is_empty())
    }

    /// Whom or what somebody means: a person may be asked for by the pseudonym that reports show.
    pub(super) fn find(&self, asked: &str) -> Result<Subject, Unknown> {
        let disguise = self.disguise();
        let meant = disguise.and_then(|disguise| disguise.behind(asked, self.users()));
        let found = find(&self.findings, &self.roster, &self.known, meant.unwrap_or(asked));
        found.map_err(|unknown| match disguise {
            Some(disguise) => self.as_shown(unknown, disguise),
            None => unknown,
        })
    }

    /// Nobody, or several, without names that are not shown: of what could have been asked for the integrations stay.
    fn as_shown(&self, unknown: Unknown, disguise: &Disguise) -> Unknown {
        match unknown {
            Unknown::Several(users) => Unknown::Several(users.iter().map(|user| disguise.id(user)).collect()),
            Unknown::Nobody(names) => {
                let ids: HashSet<&str> = self.findings.traces.iter().map(|trace| trace.key.id.as_str()).collect();
                Unknown::Nobody(names.into_iter().filter(|name| ids.contains(name.as_str())).collect())
            }
        }
    }

    /// The integration of an id, also of one that it had once.
    pub(super) fn integration(&self, id: &str) -> Result<Subject, Unknown> {
        match self.find(id) {
            Ok(subject @ Subject::Integration(_)) => Ok(subject),
            Ok(Subject::User(_)) => Err(Unknown::Nobody(Vec::new())),
            Err(unknown) => Err(self.without_users(unknown)),
        }
    }

    /// Nor may a name that several have lead to their pseudonyms.
    fn without_users(&self, unknown: Unknown) -> Unknown {
        if self.options.privacy.pseudonyms { Unknown::Nobody(Vec::new()) } else { unknown }
    }

    /// The user of an id as it is shown (long ones are cut, and what hides text is spelt out), else of any name; where people
    /// have pseudonyms, by nothing else: whoever knows a name must not be led to the pseudonym.
    pub(super) fn user(&self, asked: &str) -> Result<Subject, Unknown> {
        let disguise = self.disguise();
        let shown = |id: &str| disguise.map_or_else(|| id.to_owned(), |disguise| disguise.id(id));
        if let Some(id) = self.users().find(|id| inert::name(&shown(id)) == asked) {
            return Ok(Subject::User(id.to_owned()));
        }
        match self.find(asked) {
            Ok(subject @ Subject::User(_)) if disguise.is_none() => Ok(subject),
            Ok(_) => Err(Unknown::Nobody(Vec::new())),
            Err(unknown) => Err(self.without_users(unknown)),
        }
    }

    /// What is kept of a subject's evidence, the newest `limit` pieces.
    pub(super) async fn kept(self: &Arc<Self>, store: &Store, subject: &Subject, limit: usize) -> Result<Kept, StoreError> {
        let (basis, subject) = (Arc::clone(self), subject.clone());
        store.read(move |r| basis.gather(r, &subject, limit)).await
    }

    pub(super) fn explained(&self, subject: &Subject, kept: &Kept) -> Explained {
        let options = &self.options;
        let explanation = explanation_of(
            &Behind {
                findings: &self.findings,
                history: self.history(),
                roster: &self.roster,
                known: &self.known,
                clients: &options.catalogue,
                classifier: &options.classifier(),
                limits: &kept.limits,
                gathered: &kept.gathered,
            },
            subject,
        );
        let shown = match self.disguise() {
            Some(disguise) => privacy::explanation(explanation, disguise),
            None => explanation,
        };
        explain::document(&shown, &options.catalogue, &options.schedule.timezone, kept.from)
    }

    fn history(&self) -> &History {
        let split = self.split.get_or_init(|| match as_judged(&self.history, &self.roster) {
            Cow::Owned(split) => Some(split),
            Cow::Borrowed(_) => None,
        });
        split.as_ref().unwrap_or(&self.history)
    }

    fn gather(&self, r: &Reader, subject: &Subject, limit: usize) -> Result<Kept, StoreError> {
        let tracks = tracks_of(&self.findings, subject);
        let classifier = self.options.classifier();
        let gathered = gather(r, &Counted::new(self.history()), &tracks, (&classifier, limit))?;
        let states = r.source_states()?.into_iter();
        let limits = states.filter_map(|(source, state)| Some((source, state.maximum_grade?))).collect();
        let from = r.retention()?.map(|retention| retention.raw_from);
        Ok(Kept { gathered, limits, from })
    }
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
        other.is_some_and(|other| self.history.counts.of(other).any(|count| count.day == day))
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
    for (at, track) in tracks.iter().enumerate() {
        for count in history.counts.of(*track) {
            let of_day = days.entry(count.day).or_default();
            if of_day.last() != Some(&at) {
                of_day.push(at);
            }
        }
    }
    days
}
