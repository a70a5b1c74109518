//! What changes when everything that is kept is judged anew: which uses are seen otherwise, which integrations they belong
//! to then, and where these stand.
//!
//! Histories stay packed all the while: what is unpacked at one time are the counts of one track, those of tracks whose uses
//! may have become one another's, or the last ones that came.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::days::{add, sum};
use super::{
    Change, ChangeCause, Findings, Inputs, IntegrationKey, KnownIntegration, Recount, assess,
    changes::{changes, statuses},
};
use crate::evidence::{
    Callers, Counts, Day, DayCount, ELSEWHERE, History, Origin, Track, TrackCount, Verdict, WindowKind, counts::Packer, is_crowd,
};

/// How uses are called that sign nobody in, and are counted nowhere.
const NOBODY: &str = "nobody signed in";

/// What is kept, as it is judged now.
#[derive(Clone, Debug, Default)]
pub struct Anew {
    pub history: History,
    /// How many of the kept uses were counted when they were recorded, by day and source.
    pub kept: BTreeMap<(Day, String), u64>,
}

/// The difference that it makes.
#[derive(Clone, Debug)]
pub struct Reclassified {
    /// Uses of days and sources of which everything is kept.
    pub uses: u64,
    /// Of them, those of which something is different.
    pub changed: u64,
    /// What is different, the most uses first.
    pub moves: Vec<Move>,
    /// Days of a source of which not everything is kept any more: they stay as they were counted.
    pub left_days: u64,
    pub left_uses: u64,
    /// Changes of status, sorted by integration, then campaign.
    pub changes: Vec<Change>,
    /// Keys that the store has to learn, in this order.
    pub keys: Vec<IntegrationKey>,
    /// The judgement after it.
    pub findings: Findings,
}

/// Uses of which one property is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// `credential`, `grade`, `outcome`, `client`, `origin`.
    pub what: &'static str,
    pub from: String,
    pub to: String,
    pub uses: u64,
    /// By user, client and origin as the evidence names them.
    pub integrations: u64,
}

/// Compares what was counted with what is counted when everything kept is judged anew. `inputs` are of the judgement before.
pub fn reclassified(inputs: &Inputs<'_>, anew: Anew) -> Reclassified {
    let Overlay { history, complete, left_days, left_uses } = Overlay::new(inputs.history, anew);
    let pairs = Pairs::new(inputs.history, &history, &complete);
    // Of the judgement before only this is asked: the others are not to lie in memory beside it.
    let (mut keys, stood) = {
        let before = assess(inputs);
        (before.new_keys.clone(), statuses(&before))
    };
    if let Some(history) = pairs.half_way(&history) {
        keys.extend(assess(&Inputs { history: &history, known: &with_keys(inputs, &keys), ..*inputs }).new_keys);
    }
    let findings = assess(&Inputs { history: &history, known: &with_keys(inputs, &keys), ..*inputs });
    keys.extend(findings.new_keys.iter().cloned());
    let mut changes = changes(&stood, &findings);
    for change in &mut changes {
        // Nothing else than the rules is different between the two.
        change.cause = ChangeCause::Reclassified;
    }
    Reclassified {
        uses: pairs.uses,
        changed: sum(pairs.moved.values().copied()),
        moves: moves(&pairs.moved, &history),
        left_days,
        left_uses,
        changes,
        keys,
        findings,
    }
}

/// Counts that come in no order are put together with the packed ones when there are so many: some twenty megabytes.
const ADDED_AT_ONCE: usize = 1 << 17;

/// What is judged anew chunk by chunk, put together in memory.
#[derive(Debug)]
pub struct Collected {
    anew: Anew,
    /// Who has a name so far.
    callers: Callers,
    /// What came since the history's counts were packed.
    added: HashMap<(u32, Day, Verdict), DayCount>,
    tracks: HashMap<TrackCount, u32>,
    items: u64,
}

impl Collected {
    /// Begins with nothing, and with nobody met.
    pub fn new(nobody: Callers) -> Self {
        Self::on(Anew::default(), nobody)
    }

    /// Goes on with what is put together elsewhere.
    pub fn on(anew: Anew, nobody: Callers) -> Self {
        let mut callers = nobody;
        for TrackCount { source, track } in &anew.history.tracks {
            callers.meet(source, track);
        }
        let tracks = (0..).zip(&anew.history.tracks).map(|(number, track)| (track.clone(), number)).collect();
        Self { anew, callers, added: HashMap::new(), tracks, items: 0 }
    }

    /// Adds a chunk of a source. `rules` are the ids that its verdicts point into.
    pub fn add(&mut self, source: &str, recount: Recount, rules: &[String]) {
        self.items += recount.items;
        let rules: Vec<u16> = rules.iter().map(|rule| number_of(&mut self.anew.history.rules, rule)).collect();
        for (day, uses) in recount.counted_before {
            add(self.anew.kept.entry((day, source.to_owned())).or_default(), uses);
        }
        let admitted = |track: &Track| self.callers.admit(source, track).into_owned();
        let counted_as: Vec<Track> = recount.tracks.iter().map(admitted).collect();
        let own = |track| TrackCount { source: source.to_owned(), track };
        let numbers: Vec<u32> = counted_as.into_iter().map(|track| self.number(own(track))).collect();
        for count in recount.counts {
            let verdict = Verdict { rule: rules[usize::from(count.verdict.rule)], ..count.verdict };
            let count = DayCount { track: numbers[count.track as usize], verdict, ..count };
            let of_key = self.added.entry((count.track, count.day, count.verdict));
            of_key.and_modify(|known| known.add(&count)).or_insert(count);
        }
        if self.added.len() >= ADDED_AT_ONCE {
            self.put_together();
        }
    }

    pub fn items(&self) -> u64 {
        self.items
    }

    pub fn finish(mut self) -> Anew {
        self.put_together();
        self.anew
    }

    /// Packs what came since it was done last with what was packed before.
    fn put_together(&mut self) {
        let mut added: Vec<DayCount> = std::mem::take(&mut self.added).into_values().collect();
        added.sort_unstable_by_key(|count| count.track);
        let counts = &self.anew.history.counts;
        let mut packing =
            Packing::new([counts.verdicts(), &added.iter().map(|count| count.verdict).collect::<Vec<_>>()].concat());
        let mut added = added.as_slice();
        for track in 0..self.anew.history.tracks.len() {
            let own = added.partition_point(|count| count.track as usize <= track);
            let (of_track, others) = added.split_at(own);
            packing.put(track, counts.of(track).chain(of_track.iter().copied()));
            added = others;
        }
        self.anew.history.counts = packing.finish();
    }

    fn number(&mut self, track: TrackCount) -> u32 {
        let tracks = &mut self.anew.history.tracks;
        *self.tracks.entry(track).or_insert_with_key(|track| {
            tracks.push(track.clone());
            u32::try_from(tracks.len() - 1).expect("there are fewer tracks than u32 counts")
        })
    }
}

/// Packs one track after the other.
struct Packing {
    packer: Packer,
    /// One track's counts.
    counts: Vec<DayCount>,
}

impl Packing {
    fn new(verdicts: Vec<Verdict>) -> Self {
        Self { packer: Packer::new(verdicts), counts: Vec::new() }
    }

    /// Packs a track's counts, which come in any order; those of one day and verdict are one.
    fn put(&mut self, track: usize, counts: impl Iterator<Item = DayCount>) {
        self.counts.clear();
        self.counts.extend(counts);
        self.counts.sort_by_key(|count| (count.day, count.verdict));
        for same in self.counts.chunk_by(|a, b| (a.day, a.verdict) == (b.day, b.verdict)) {
            let mut sum = same[0];
            same[1..].iter().for_each(|count| sum.add(count));
            let verdict = self.packer.verdicts().binary_search(&sum.verdict).expect("it was said which will be met");
            self.packer.add(track, &sum, verdict);
        }
        self.packer.end(track);
    }

    fn finish(self) -> Counts {
        self.packer.finish()
    }
}

/// The days of which everything is kept, and which are counted anew, by source.
#[derive(Debug, Default, PartialEq, Eq)]
struct Complete(HashMap<String, HashSet<Day>>);

impl Complete {
    /// What tells such days of a source.
    fn of(&self, source: &str) -> impl Fn(&DayCount) -> bool + Copy {
        let days = self.0.get(source);
        move |count| days.is_some_and(|days| days.contains(&count.day))
    }
}

/// The counts as they are after the change.
struct Overlay {
    history: History,
    complete: Complete,
    /// Days of a source that are counted and not complete, and the uses of them.
    left_days: u64,
    left_uses: u64,
}

impl Overlay {
    /// Tracks of before keep their numbers; new ones follow.
    fn new(before: &History, anew: Anew) -> Self {
        let Anew { history: next, kept } = anew;
        let mut counted: HashMap<&str, HashMap<Day, u64>> = HashMap::new();
        for (track, shown) in before.tracks.iter().enumerate() {
            let of_source = counted.entry(&shown.source).or_default();
            before.counts.of(track).for_each(|count| add(of_source.entry(count.day).or_default(), count.uses));
        }
        let mut complete = Complete::default();
        for ((day, source), uses) in kept {
            let mut of_source = counted.get_mut(source.as_str());
            if of_source.as_ref().and_then(|days| days.get(&day)).copied().unwrap_or(0) == uses {
                of_source.as_mut().and_then(|days| days.remove(&day));
                complete.0.entry(source).or_default().insert(day);
            }
        }
        let left = || counted.values().flat_map(HashMap::values);
        let (left_days, left_uses) = (left().count() as u64, sum(left().copied()));
        let mut history = before.clone();
        let rules: Vec<u16> = next.rules.iter().map(|rule| number_of(&mut history.rules, rule)).collect();
        let renumbered = |verdict: Verdict| Verdict { rule: rules[usize::from(verdict.rule)], ..verdict };
        let anew = tracks_anew(&mut history.tracks, &next, &complete);
        let of_next = next.counts.verdicts().iter().map(|verdict| renumbered(*verdict));
        let mut packing = Packing::new(before.counts.verdicts().iter().copied().chain(of_next).collect());
        for (track, shown) in history.tracks.iter().enumerate() {
            let is_complete = complete.of(&shown.source);
            let stay = before.counts.of(track).filter(|count| !is_complete(count));
            let come = anew.get(&track).into_iter().flat_map(|of| next.counts.of(*of)).filter(is_complete);
            packing.put(track, stay.chain(come.map(|count| DayCount { verdict: renumbered(count.verdict), ..count })));
        }
        history.counts = packing.finish();
        Self { history, complete, left_days, left_uses }
    }
}

/// Which track of what is judged anew has the counts of a track, by its number among `tracks`; those that are new are added.
fn tracks_anew(tracks: &mut Vec<TrackCount>, next: &History, complete: &Complete) -> HashMap<usize, usize> {
    let numbers: HashMap<TrackCount, usize> = tracks.iter().cloned().zip(0..).collect();
    let mut anew = HashMap::new();
    for (of, track) in next.tracks.iter().enumerate() {
        if next.counts.of(of).any(|count| complete.of(&track.source)(&count)) {
            let number = numbers.get(track).copied().unwrap_or_else(|| {
                tracks.push(track.clone());
                tracks.len() - 1
            });
            anew.insert(number, of);
        }
    }
    anew
}

fn number_of(rules: &mut Vec<String>, rule: &String) -> u16 {
    let number = rules.iter().position(|known| known == rule).unwrap_or_else(|| {
        rules.push(rule.clone());
        rules.len() - 1
    });
    u16::try_from(number).expect("two sets of rules are fewer than u16 counts")
}

/// What a reader sees of some uses: the number of their track, and what they were judged as.
type Seen = (u32, Verdict);

/// Uses that have a day, an operation and all that repeats but client and origin in common: how many there were before, and
/// after.
type Group = BTreeMap<Seen, (u64, u64)>;

/// What uses were seen as, and what they are seen as; none is what signs nobody in.
type Pair = (Option<Seen>, Option<Seen>);

/// How many uses are left of what was seen, and of what is.
#[derive(Debug, Default)]
struct Left {
    gone: Vec<(Seen, u64)>,
    come: Vec<(Seen, u64)>,
}

impl Left {
    /// Pairs in order, and returns what is over on either side.
    fn paired(self, mut note: impl FnMut(Seen, Seen, u64)) -> Self {
        let mut over = Self::default();
        let mut come = self.come.into_iter();
        let mut next = come.next();
        for (from, mut uses) in self.gone {
            while uses > 0 {
                let Some((to, left)) = &mut next else {
                    over.gone.push((from, uses));
                    break;
                };
                let both = uses.min(*left);
                note(from, *to, both);
                uses -= both;
                *left -= both;
                if *left == 0 {
                    next = come.next();
                }
            }
        }
        over.come.extend(next.into_iter().chain(come));
        over
    }
}

/// The uses of days that are counted anew, before and after.
#[derive(Debug, Default, PartialEq)]
struct Pairs {
    uses: u64,
    /// The uses of each pair whose two sides differ.
    moved: BTreeMap<Pair, u64>,
    /// From track to track, those that stay where they are among them.
    flows: BTreeMap<(u32, u32), u64>,
}

impl Pairs {
    /// Sightings are no rows, so uses are paired within a day, an operation and all that repeats but client and origin: what
    /// is on both sides stays, and what is left over is paired in order. Where several verdicts change at once within one such
    /// group, which became which is a guess; the sums are not. What comes out of a crowd, or goes into it, has another name
    /// afterwards: what is left over in such a source is paired whatever repeats.
    fn new(before: &History, after: &History, complete: &Complete) -> Self {
        let mut pairs = Self::default();
        let crowded = after.tracks.iter().filter(|shown| is_beyond_limit(&shown.track)).map(|shown| shown.source.as_str());
        let crowded: HashSet<&str> = crowded.collect();
        let mut left: BTreeMap<(&str, Day, u8), Left> = BTreeMap::new();
        for tracks in groups(&after.tracks) {
            let source = after.tracks[tracks[0]].source.as_str();
            let mut uses: BTreeMap<(Day, u8), Group> = BTreeMap::new();
            for (history, is_after) in [(before, false), (after, true)] {
                for track in &tracks {
                    let is_complete = complete.of(source);
                    for count in history.counts.of(*track).filter(is_complete) {
                        // What the reader of a move does not see makes no difference.
                        let verdict = Verdict { rule: 0, window: WindowKind::Outside, ..count.verdict };
                        let group = uses.entry((count.day, verdict.operation as u8)).or_default();
                        let both = group.entry((count.track, verdict)).or_default();
                        add(if is_after { &mut both.1 } else { &mut both.0 }, count.uses);
                    }
                }
            }
            for ((day, operation), group) in uses {
                let of_group = pairs.add(&group);
                if crowded.contains(source) {
                    let of_source = left.entry((source, day, operation)).or_default();
                    of_source.gone.extend(of_group.gone);
                    of_source.come.extend(of_group.come);
                } else {
                    pairs.leave(of_group);
                }
            }
        }
        for mut of_source in left.into_values() {
            of_source.gone.sort_unstable();
            of_source.come.sort_unstable();
            let nobodys = of_source.paired(|from, to, uses| pairs.note((Some(from), Some(to)), uses));
            pairs.leave(nobodys);
        }
        pairs
    }

    /// The history with the origins of before where client and origin are called otherwise at once; none where nothing is. An
    /// integration is known again by either of the two, so that its id goes over it step by step.
    fn half_way(&self, after: &History) -> Option<History> {
        let mut sources: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
        for ((from, to), uses) in &self.flows {
            let [was, is] = [from, to].map(|track| &after.tracks[*track as usize].track);
            if was.client != is.client && was.origin != is.origin {
                let main = sources.entry(*to).or_insert((*uses, *from));
                *main = (*main).max((*uses, *from));
            }
        }
        let mut history = (!sources.is_empty()).then(|| after.clone())?;
        for (to, (_, from)) in sources {
            history.tracks[to as usize].track.origin = after.tracks[from as usize].track.origin.clone();
        }
        Some(history)
    }

    /// Returns what has no partner in the group.
    fn add(&mut self, group: &Group) -> Left {
        let mut left = Left::default();
        for (seen, (before, after)) in group {
            let stay = *before.min(after);
            add(&mut self.uses, stay);
            add(self.flows.entry((seen.0, seen.0)).or_default(), stay);
            left.gone.extend((before > after).then(|| (*seen, before - after)));
            left.come.extend((after > before).then(|| (*seen, after - before)));
        }
        left.paired(|from, to, uses| {
            add(self.flows.entry((from.0, to.0)).or_default(), uses);
            self.note((Some(from), Some(to)), uses);
        })
    }

    /// What signed nobody in before, or does not now.
    fn leave(&mut self, left: Left) {
        left.gone.into_iter().for_each(|(from, uses)| self.note((Some(from), None), uses));
        left.come.into_iter().for_each(|(to, uses)| self.note((None, Some(to)), uses));
    }

    fn note(&mut self, pair: Pair, uses: u64) {
        add(&mut self.uses, uses);
        add(self.moved.entry(pair).or_default(), uses);
    }
}

/// Whether a track counts what goes beyond what its source may name.
fn is_beyond_limit(track: &Track) -> bool {
    track.username.as_deref().is_some_and(is_crowd) || track.repository.as_deref() == Some(ELSEWHERE)
}

/// The tracks that differ in client and origin only, together.
fn groups(tracks: &[TrackCount]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<(&str, Track), Vec<usize>> = HashMap::new();
    for (number, TrackCount { source, track }) in tracks.iter().enumerate() {
        let rest = Track { client: None, origin: Origin::Unknown, ..track.clone() };
        groups.entry((source, rest)).or_default().push(number);
    }
    groups.into_values().collect()
}

fn moves(moved: &BTreeMap<Pair, u64>, history: &History) -> Vec<Move> {
    let mut sums: BTreeMap<_, (u64, BTreeSet<_>)> = BTreeMap::new();
    for ((seen_from, seen_to), uses) in moved {
        let (from, to) = (properties(*seen_from, history), properties(*seen_to, history));
        for (what, (from, to)) in PROPERTIES.into_iter().zip(from.into_iter().zip(to)).filter(|(_, (from, to))| from != to) {
            let moved = sums.entry((what, from, to)).or_default();
            add(&mut moved.0, *uses);
            moved.1.extend(seen_from.or(*seen_to).map(|(track, _)| whose(&history.tracks[track as usize].track)));
        }
    }
    let mut moves: Vec<Move> = sums
        .into_iter()
        .map(|((what, from, to), (uses, whose))| Move { what, from, to, uses, integrations: whose.len() as u64 })
        .collect();
    moves.sort_by(|a, b| (b.uses, a.what, &a.from, &a.to).cmp(&(a.uses, b.what, &b.from, &b.to)));
    moves
}

/// User, client and origin as the evidence names them.
fn whose(track: &Track) -> [Option<&str>; 6] {
    let (client, user) = (track.client.as_deref(), [&track.account_id, &track.email, &track.username, &track.display_name]);
    let [account, email, username, name] = user.map(Option::as_deref);
    let origin = match &track.origin {
        Origin::Network(name) | Origin::Job(name) | Origin::TokenLabel(name) => Some(name.as_str()),
        Origin::Roaming | Origin::Address(_) | Origin::Unknown => None,
    };
    [account, email, username, name, client, origin]
}

const PROPERTIES: [&str; 5] = ["credential", "grade", "outcome", "client", "origin"];

fn properties(seen: Option<Seen>, history: &History) -> [String; 5] {
    let Some((track, verdict)) = seen else { return PROPERTIES.map(|_| NOBODY.to_owned()) };
    let track = &history.tracks[track as usize].track;
    let client = track.client.clone().unwrap_or_else(|| "none".to_owned());
    let Verdict { credential, grade, outcome, .. } = verdict;
    [credential.to_string(), grade.to_string(), outcome.to_string(), client, track.origin.text()]
}

/// What the store knows once it remembers these keys.
fn with_keys(inputs: &Inputs<'_>, keys: &[IntegrationKey]) -> Vec<KnownIntegration> {
    let same = |a: &IntegrationKey, b: &IntegrationKey| (&a.user, &a.client, &a.origin) == (&b.user, &b.client, &b.origin);
    let mut known = inputs.known.to_vec();
    for key in keys {
        for integration in &mut known {
            integration.keys.retain(|old| !same(old, key));
        }
        match known.iter_mut().find(|integration| integration.id == key.id) {
            Some(integration) => integration.keys.push(key.clone()),
            None => known.push(KnownIntegration {
                id: key.id.clone(),
                since: inputs.now,
                keys: vec![key.clone()],
                former_ids: Vec::new(),
            }),
        }
    }
    known.retain(|integration| !integration.keys.is_empty());
    known
}

#[cfg(test)]
mod tests;
