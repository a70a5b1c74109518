//! What changes when everything that is kept is judged anew: which uses are seen otherwise, which integrations they belong
//! to then, and where these stand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry};

use super::{
    Change, ChangeCause, Findings, Inputs, IntegrationKey, KnownIntegration, Recount, assess,
    changes::{changes, statuses},
};
use crate::evidence::{Day, DayCount, History, Origin, Track, TrackCount, Verdict, WindowKind};

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
    let Overlay { history, complete, left } = Overlay::new(inputs.history, anew);
    let pairs = Pairs::new(inputs.history, &history, &complete);
    let before = assess(inputs);
    let mut keys = before.new_keys.clone();
    let half_way = pairs.half_way(&history);
    if let Some(history) = &half_way {
        keys.extend(assess(&Inputs { history, known: &with_keys(inputs, &keys), ..*inputs }).new_keys);
    }
    let findings = assess(&Inputs { history: &history, known: &with_keys(inputs, &keys), ..*inputs });
    keys.extend(findings.new_keys.iter().cloned());
    let mut changes = changes(&statuses(&before), &findings);
    for change in &mut changes {
        // Nothing else than the rules is different between the two.
        change.cause = ChangeCause::Reclassified;
    }
    Reclassified {
        uses: pairs.uses,
        changed: pairs.moved.iter().map(|pair| pair.uses).sum(),
        moves: moves(&pairs.moved, &history),
        left_days: left.len() as u64,
        left_uses: left.values().sum(),
        changes,
        keys,
        findings,
    }
}

/// What is judged anew chunk by chunk, put together in memory.
#[derive(Debug, Default)]
pub struct Collected {
    anew: Anew,
    /// What becomes of the history's counts.
    counts: Vec<DayCount>,
    tracks: HashMap<TrackCount, u32>,
    positions: HashMap<(u32, Day, Verdict), usize>,
    items: u64,
}

impl Collected {
    /// Goes on with what is put together elsewhere.
    pub fn on(anew: Anew) -> Self {
        let numbers = (0..).zip(&anew.history.tracks).map(|(number, track)| (track.clone(), number)).collect();
        let counts: Vec<DayCount> = anew.history.counts.iter().collect();
        let places = counts.iter().map(|count| (count.track, count.day, count.verdict));
        Self { tracks: numbers, positions: places.zip(0..).collect(), counts, anew, items: 0 }
    }

    /// Adds a chunk of a source. `rules` are the ids that its verdicts point into.
    pub fn add(&mut self, source: &str, recount: Recount, rules: &[String]) {
        self.items += recount.items;
        let rules: Vec<u16> = rules.iter().map(|rule| number_of(&mut self.anew.history.rules, rule)).collect();
        for (day, uses) in recount.counted_before {
            *self.anew.kept.entry((day, source.to_owned())).or_default() += uses;
        }
        let own = |track| TrackCount { source: source.to_owned(), track };
        let numbers: Vec<u32> = recount.tracks.into_iter().map(|track| self.number(own(track))).collect();
        for count in recount.counts {
            let verdict = Verdict { rule: rules[usize::from(count.verdict.rule)], ..count.verdict };
            let count = DayCount { track: numbers[count.track as usize], verdict, ..count };
            let counts = &mut self.counts;
            match self.positions.entry((count.track, count.day, count.verdict)) {
                Entry::Vacant(entry) => {
                    entry.insert(counts.len());
                    counts.push(count);
                }
                Entry::Occupied(entry) => counts[*entry.get()].add(&count),
            }
        }
    }

    pub fn items(&self) -> u64 {
        self.items
    }

    pub fn finish(self) -> Anew {
        let mut anew = self.anew;
        anew.history.counts = self.counts.into();
        anew
    }

    fn number(&mut self, track: TrackCount) -> u32 {
        let tracks = &mut self.anew.history.tracks;
        *self.tracks.entry(track).or_insert_with_key(|track| {
            tracks.push(track.clone());
            u32::try_from(tracks.len() - 1).expect("there are fewer tracks than u32 counts")
        })
    }
}

/// The counts as they are after the change.
struct Overlay {
    history: History,
    /// Days of a source of which everything is kept, and which are counted anew.
    complete: HashSet<(Day, String)>,
    /// The uses of the others.
    left: BTreeMap<(Day, String), u64>,
}

impl Overlay {
    /// Tracks of before keep their numbers; new ones follow.
    fn new(before: &History, anew: Anew) -> Self {
        let Anew { history: next, kept } = anew;
        let mut left: BTreeMap<(Day, String), u64> = BTreeMap::new();
        for count in before.counts.iter() {
            *left.entry(place(before, &count)).or_default() += count.uses;
        }
        let counted = |place: &(Day, String)| left.get(place).copied().unwrap_or(0);
        let complete: HashSet<_> =
            kept.into_iter().filter(|(place, uses)| counted(place) == *uses).map(|(place, _)| place).collect();
        left.retain(|place, _| !complete.contains(place));
        let mut history = before.clone();
        let mut counts: Vec<DayCount> = before.counts.iter().filter(|count| !complete.contains(&place(before, count))).collect();
        let mut numbers: HashMap<_, u32> = (0..).zip(&before.tracks).map(|(number, track)| (track.clone(), number)).collect();
        let rules: Vec<u16> = next.rules.iter().map(|rule| number_of(&mut history.rules, rule)).collect();
        for count in next.counts.iter().filter(|count| complete.contains(&place(&next, count))) {
            let track = &next.tracks[count.track as usize];
            let number = *numbers.entry(track.clone()).or_insert_with(|| {
                history.tracks.push(track.clone());
                u32::try_from(history.tracks.len() - 1).expect("there are fewer tracks than u32 counts")
            });
            let verdict = Verdict { rule: rules[usize::from(count.verdict.rule)], ..count.verdict };
            counts.push(DayCount { track: number, verdict, ..count });
        }
        history.counts = counts.into();
        Self { history, complete, left }
    }
}

fn place(history: &History, count: &DayCount) -> (Day, String) {
    (count.day, history.tracks[count.track as usize].source.clone())
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

/// Uses that were seen as one thing and are seen as another; none is what signs nobody in.
struct Pair {
    from: Option<Seen>,
    to: Option<Seen>,
    uses: u64,
}

/// The uses of days that are counted anew, before and after.
struct Pairs {
    uses: u64,
    moved: Vec<Pair>,
    /// From track to track, those that stay where they are among them.
    flows: BTreeMap<(u32, u32), u64>,
}

impl Pairs {
    /// Sightings are no rows, so uses are paired within a day, an operation and all that repeats but client and origin: what
    /// is on both sides stays, and what is left over is paired in order. Where several verdicts change at once within one such
    /// group, which became which is a guess; the sums are not.
    fn new(before: &History, after: &History, complete: &HashSet<(Day, String)>) -> Self {
        let groups = groups(&after.tracks);
        let mut uses: BTreeMap<(Day, u32, u8), Group> = BTreeMap::new();
        for (history, is_after) in [(before, false), (after, true)] {
            for count in history.counts.iter().filter(|count| complete.contains(&place(history, count))) {
                // What the reader of a move does not see makes no difference.
                let verdict = Verdict { rule: 0, window: WindowKind::Outside, ..count.verdict };
                let group = uses.entry((count.day, groups[count.track as usize], verdict.operation as u8)).or_default();
                let both = group.entry((count.track, verdict)).or_default();
                *(if is_after { &mut both.1 } else { &mut both.0 }) += count.uses;
            }
        }
        let mut pairs = Self { uses: 0, moved: Vec::new(), flows: BTreeMap::new() };
        for group in uses.into_values() {
            pairs.add(&group);
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

    fn add(&mut self, group: &Group) {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        self.uses += group.values().map(|(before, _)| before).sum::<u64>().max(group.values().map(|(_, after)| after).sum());
        for (seen, (before, after)) in group {
            *self.flows.entry((seen.0, seen.0)).or_default() += before.min(after);
            gone.extend((before > after).then(|| (*seen, before - after)));
            come.extend((after > before).then(|| (*seen, after - before)));
        }
        let mut come = come.into_iter();
        let mut next = come.next();
        for (from, mut uses) in gone {
            while uses > 0 {
                let Some((to, left)) = &mut next else {
                    self.moved.push(Pair { from: Some(from), to: None, uses });
                    break;
                };
                let both = uses.min(*left);
                *self.flows.entry((from.0, to.0)).or_default() += both;
                self.moved.push(Pair { from: Some(from), to: Some(*to), uses: both });
                uses -= both;
                *left -= both;
                if *left == 0 {
                    next = come.next();
                }
            }
        }
        self.moved.extend(next.into_iter().chain(come).map(|(to, uses)| Pair { from: None, to: Some(to), uses }));
    }
}

/// A number for each track, the same for tracks that differ in client and origin only.
fn groups(tracks: &[TrackCount]) -> Vec<u32> {
    let mut numbers: HashMap<(&str, Track), u32> = HashMap::new();
    let mut groups = Vec::with_capacity(tracks.len());
    for TrackCount { source, track } in tracks {
        let next = u32::try_from(numbers.len()).expect("there are fewer tracks than u32 counts");
        let rest = Track { client: None, origin: Origin::Unknown, ..track.clone() };
        groups.push(*numbers.entry((source, rest)).or_insert(next));
    }
    groups
}

fn moves(moved: &[Pair], history: &History) -> Vec<Move> {
    let mut sums: BTreeMap<_, (u64, BTreeSet<_>)> = BTreeMap::new();
    for pair in moved {
        let (from, to) = (properties(pair.from, history), properties(pair.to, history));
        for (what, (from, to)) in PROPERTIES.into_iter().zip(from.into_iter().zip(to)).filter(|(_, (from, to))| from != to) {
            let sum = sums.entry((what, from, to)).or_default();
            sum.0 += pair.uses;
            sum.1.extend(pair.from.or(pair.to).map(|(track, _)| whose(&history.tracks[track as usize].track)));
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
