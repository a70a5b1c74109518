//! One page becomes one batch: sightings are classified, what repeats is interned, uses are counted by day, and the
//! sightings themselves go into one chunk.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use foldhash::fast::RandomState;

use super::classify::{Classified, Classifier, UNKNOWN_CLIENT};
use crate::evidence::{
    Batch, Day, DayCount, OTHER_PRODUCT, OriginRef, Page, Sighting, Track, UnknownValue, Verdict,
    chunk::{self, NO_TRACK},
    redact,
    time::hour_bit,
};

/// How many different unknown values one batch lists; the rest is counted together.
const MAX_UNKNOWN: usize = 100;
/// Stands for the values beyond [`MAX_UNKNOWN`].
const MORE: &str = "…";
/// A product's name; what follows it (versions, comments) would make every release a new value.
const MAX_PRODUCT: usize = 40;

/// Classifies and counts a page. `fresh` says which of its sightings, and after them which of the items that were passed
/// over, were not recorded before (all, if absent); the others leave no trace. Of a page of nothing but repeats, what else
/// was skipped and unknown was counted the first time as well. Sightings that sign nobody in are kept in the chunk and
/// counted nowhere.
///
/// A page should hold no more than a block of lines ([`crate::evidence::format::MAX_BLOCK_LINES`]) or one page of an API:
/// its sightings become one chunk, which [`chunk::decode`] refuses beyond 64 MiB of columns.
pub fn fold(source: &str, mut page: Page<'_>, fresh: Option<&[bool]>, classifier: &Classifier) -> Batch {
    if let Some(fresh) = fresh {
        leave_out_repeats(&mut page, fresh);
    }
    let Page { sightings, skipped, unknown, people, passed_over: _, times: _ } = page;
    let mut counter = Counter::default();
    for known in unknown {
        counter.unknown.insert((known.field, Cow::Owned(known.value)), known.count);
    }
    let ordinals: Vec<u32> = sightings.iter().map(|sighting| counter.count(sighting, classifier.classify(sighting))).collect();
    Batch {
        source: source.to_owned(),
        chunk: (!sightings.is_empty()).then(|| chunk::encode(&sightings, &ordinals)),
        items: sightings.len() as u64,
        unknown: counter
            .unknown
            .into_iter()
            .map(|((field, value), count)| UnknownValue { field, value: value.into(), count })
            .collect(),
        tracks: counter.tracks,
        counts: counter.counts,
        rules: classifier.rules().ids().map(str::to_owned).collect(),
        fingerprint: classifier.fingerprint().to_owned(),
        skipped,
        people,
        ..Batch::default()
    }
}

/// What a kept chunk is judged as now.
#[derive(Clone, Debug, Default)]
pub struct Recount {
    pub tracks: Vec<Track>,
    pub counts: Vec<DayCount>,
    /// Where its sightings are found.
    pub places: Vec<Found>,
    /// Uses that were counted when it was recorded, by the days of all its sightings.
    pub counted_before: Vec<(Day, u64)>,
    pub items: u64,
}

/// Uses of a track on a day among the sightings with one ordinal, the track's number when the chunk was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub day: Day,
    pub track: u32,
    pub ordinal: u32,
    pub uses: u64,
}

/// Classifies and counts what was kept; each sighting comes with the ordinal that it was recorded with. What is unknown was
/// listed when it was recorded.
pub fn recount(kept: &[(Sighting<'_>, u32)], classifier: &Classifier) -> Recount {
    let mut counter = Counter::default();
    let mut places: HashMap<(Day, u32, u32), u64, RandomState> = HashMap::default();
    let mut counted_before = BTreeMap::new();
    for (sighting, ordinal) in kept {
        let (day, uses) = (Day::of_ms(sighting.time_ms), u64::from(sighting.uses));
        *counted_before.entry(day).or_insert(0) += if *ordinal == NO_TRACK { 0 } else { uses };
        let track = counter.count(sighting, classifier.classify(sighting));
        if track != NO_TRACK {
            *places.entry((day, track, *ordinal)).or_default() += uses;
        }
    }
    Recount {
        places: places.into_iter().map(|((day, track, ordinal), uses)| Found { day, track, ordinal, uses }).collect(),
        counted_before: counted_before.into_iter().collect(),
        items: kept.len() as u64,
        tracks: counter.tracks,
        counts: counter.counts,
    }
}

/// The track of a sighting, as it is judged now.
pub fn track_of(sighting: &Sighting<'_>, classifier: &Classifier) -> Track {
    TrackKey::new(sighting, classifier.classify(sighting)).to_track()
}

fn leave_out_repeats(page: &mut Page<'_>, fresh: &[bool]) {
    let mut flags = fresh.iter().copied();
    let before = page.sightings.len();
    page.sightings.retain(|_| flags.next().unwrap_or(true));
    let repeats = flags.filter(|fresh| !fresh).count();
    if page.sightings.is_empty() && repeats == page.passed_over.len() && before + repeats > 0 {
        page.skipped.clear();
        page.unknown.clear();
    }
    for skipped in page.skipped.iter_mut().filter(|skipped| skipped.reason == OTHER_PRODUCT) {
        skipped.count = skipped.count.saturating_sub(repeats as u64);
    }
    page.skipped.retain(|skipped| skipped.count > 0);
}

/// Its maps are asked once or twice a sighting: they hash with foldhash, a third of the cost of the standard library's.
#[derive(Default)]
struct Counter<'a> {
    tracks: Vec<Track>,
    ordinals: HashMap<TrackKey<'a>, u32, RandomState>,
    counts: Vec<DayCount>,
    positions: HashMap<(u32, Day, Verdict), usize, RandomState>,
    unknown: BTreeMap<(&'static str, Cow<'a, str>), u64>,
}

/// A [`Track`] that borrows, so that a track already met costs a lookup and no allocation.
#[derive(PartialEq, Eq, Hash)]
struct TrackKey<'a> {
    username: Option<&'a str>,
    email: Option<&'a str>,
    account_id: Option<&'a str>,
    display_name: Option<&'a str>,
    client: Option<&'a str>,
    origin: OriginRef<'a>,
    host: Option<&'a str>,
    workspace: Option<Cow<'a, str>>,
    repository: Option<Cow<'a, str>>,
    token_id: Option<&'a str>,
    token_label: Option<&'a str>,
    secret_id: Option<&'a str>,
}

impl<'a> Counter<'a> {
    /// Counts one sighting; the ordinal of its track.
    fn count(&mut self, sighting: &'a Sighting<'_>, found: Classified<'a>) -> u32 {
        self.note_unknown(sighting, &found);
        if !found.verdict.authentication {
            return NO_TRACK;
        }
        let verdict = found.verdict;
        let track = self.track(TrackKey::new(sighting, found));
        let (day, uses) = (Day::of_ms(sighting.time_ms), u64::from(sighting.uses));
        let (first_ms, last_ms) = (sighting.time_ms, sighting.until_ms.unwrap_or(sighting.time_ms));
        let hours = hour_bit(first_ms);
        let position = *self.positions.entry((track, day, verdict)).or_insert(self.counts.len());
        match self.counts.get_mut(position) {
            None => self.counts.push(DayCount { track, day, verdict, uses, first_ms, last_ms, hours }),
            Some(count) => {
                count.uses += uses;
                count.first_ms = count.first_ms.min(first_ms);
                count.last_ms = count.last_ms.max(last_ms);
                count.hours |= hours;
            }
        }
        track
    }

    fn track(&mut self, key: TrackKey<'a>) -> u32 {
        if let Some(ordinal) = self.ordinals.get(&key) {
            return *ordinal;
        }
        let ordinal = u32::try_from(self.tracks.len()).expect("a page has fewer tracks than u32 counts");
        self.tracks.push(key.to_track());
        self.ordinals.insert(key, ordinal);
        ordinal
    }

    fn note_unknown(&mut self, sighting: &'a Sighting<'_>, found: &Classified<'a>) {
        if found.unknown_auth_type {
            self.note("auth_type", sighting.auth_type.as_deref());
        }
        if found.client == Some(UNKNOWN_CLIENT) {
            self.note("user_agent", sighting.user_agent.as_deref().map(product));
        }
    }

    fn note(&mut self, field: &'static str, value: Option<&'a str>) {
        let Some(value) = value else { return };
        let full = self.unknown.len() >= MAX_UNKNOWN && !self.unknown.contains_key(&(field, Cow::Borrowed(value)));
        *self.unknown.entry((field, Cow::Borrowed(if full { MORE } else { value }))).or_default() += 1;
    }
}

/// The name before the first version or comment.
fn product(agent: &str) -> &str {
    redact::cut(agent.split(['/', ' ', '(', ';', ',']).next().unwrap_or(agent), MAX_PRODUCT)
}

impl<'a> TrackKey<'a> {
    fn new(sighting: &'a Sighting<'_>, found: Classified<'a>) -> Self {
        Self {
            username: sighting.username.as_deref(),
            email: sighting.email.as_deref(),
            account_id: sighting.account_id.as_deref(),
            display_name: sighting.display_name.as_deref(),
            client: found.client,
            origin: found.origin,
            host: sighting.host.as_deref(),
            workspace: found.workspace,
            repository: found.repository,
            token_id: sighting.token_id.as_deref(),
            token_label: sighting.token_label.as_deref(),
            secret_id: sighting.secret_id.as_deref(),
        }
    }

    fn to_track(&self) -> Track {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Track {
            username: own(self.username),
            email: own(self.email),
            account_id: own(self.account_id),
            display_name: own(self.display_name),
            client: own(self.client),
            origin: self.origin.to_owned(),
            host: own(self.host),
            workspace: own(self.workspace.as_deref()),
            repository: own(self.repository.as_deref()),
            token_id: own(self.token_id),
            token_label: own(self.token_label),
            secret_id: own(self.secret_id),
        }
    }
}

#[cfg(test)]
mod tests;
