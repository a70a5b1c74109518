//! What is put together, laid over and paired track by track, against the same with everything unpacked.

use super::*;
use crate::evidence::{Credential, Grade, Operation, Outcome, crowd_of, is_crowd, time::hour_bit};

const SOURCES: [&str; 2] = ["log/a", "log/b"];
const RULES: [&str; 4] = ["one", "two", "three", "four"];

/// One of a few tracks, some of which differ in client and origin only.
fn some_track(rng: &mut fastrand::Rng) -> TrackCount {
    let track = Track {
        username: Some(format!("user{}", rng.u8(..2))),
        client: Some(["git-cli", "jenkins"][rng.usize(..2)].to_owned()),
        origin: [Origin::Unknown, Origin::Network("north".to_owned())][rng.usize(..2)].clone(),
        repository: Some("pay".to_owned()),
        ..Track::default()
    };
    TrackCount { source: SOURCES[rng.usize(..2)].to_owned(), track }
}

fn some_count(rng: &mut fastrand::Rng, track: u32, rules: usize) -> DayCount {
    let verdict = Verdict {
        credential: [Credential::AppPassword, Credential::ApiToken][rng.usize(..2)],
        grade: [Grade::Weak, Grade::Proven][rng.usize(..2)],
        outcome: Outcome::Accepted,
        operation: [Operation::GitRead, Operation::GitWrite][rng.usize(..2)],
        window: WindowKind::Outside,
        rule: u16::try_from(rng.usize(..rules)).unwrap(),
        authentication: true,
    };
    let day = Day(rng.i32(0..6));
    let first_ms = day.start_ms() + rng.i64(0..80_000_000);
    let last_ms = first_ms + 1_000;
    let hours = hour_bit(first_ms) | hour_bit(last_ms);
    DayCount { track, day, verdict, uses: rng.u64(1..9), first_ms, last_ms, hours }
}

/// Rules in some order, tracks each once, and counts each once.
fn some_history(rng: &mut fastrand::Rng) -> History {
    let mut rules = RULES.map(str::to_owned).to_vec();
    rng.shuffle(&mut rules);
    rules.truncate(rng.usize(1..=4));
    let mut tracks: Vec<TrackCount> = Vec::new();
    for _ in 0..rng.usize(1..9) {
        let track = some_track(rng);
        if !tracks.contains(&track) {
            tracks.push(track);
        }
    }
    let track = |rng: &mut fastrand::Rng| rng.u32(..u32::try_from(tracks.len()).unwrap());
    let counts = (0..rng.usize(..60)).map(|_| (track(rng), rng.u64(..))).collect::<Vec<_>>();
    let counts = counts.into_iter().map(|(track, seed)| some_count(&mut fastrand::Rng::with_seed(seed), track, rules.len()));
    let mut counts: Vec<DayCount> = counts.collect();
    counts.sort_by_key(|count| (count.track, count.day, count.verdict));
    counts.dedup_by_key(|count| (count.track, count.day, count.verdict));
    History { tracks, counts: counts.into(), rules, unknown: Vec::new() }
}

fn place(history: &History, count: &DayCount) -> (Day, String) {
    (count.day, history.tracks[count.track as usize].source.clone())
}

/// What was counted on each day by each source.
fn uses(history: &History) -> BTreeMap<(Day, String), u64> {
    let mut uses = BTreeMap::new();
    history.counts.iter().for_each(|count| *uses.entry(place(history, &count)).or_default() += count.uses);
    uses
}

/// Where something was used, and what as: by its names instead of numbers.
type Named = (TrackCount, Day, Verdict, String);

fn named(history: &History, count: &DayCount) -> Named {
    let rule = history.rules[usize::from(count.verdict.rule)].clone();
    (history.tracks[count.track as usize].clone(), count.day, Verdict { rule: 0, ..count.verdict }, rule)
}

fn all_named(history: &History) -> HashMap<Named, DayCount> {
    let nameless = |count: &DayCount| DayCount { track: 0, verdict: Verdict { rule: 0, ..count.verdict }, ..*count };
    let all: HashMap<_, _> = history.counts.iter().map(|count| (named(history, &count), nameless(&count))).collect();
    assert_eq!(all.len(), history.counts.iter().count(), "nothing is counted in two places");
    all
}

#[test]
fn what_is_laid_over_is_what_is_left_and_what_is_new() {
    let mut whole = 0;
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (before, next) = (some_history(&mut rng), some_history(&mut rng));
        let counted = uses(&before);
        let mut kept: BTreeMap<_, _> =
            counted.iter().map(|(of, uses)| (of.clone(), uses - u64::from(rng.u8(..3) == 0))).collect();
        kept.retain(|_, _| rng.u8(..5) > 0);
        if rng.bool() {
            kept.insert((Day(rng.i32(0..9)), SOURCES[rng.usize(..2)].to_owned()), 0);
        }
        let complete: HashSet<_> =
            kept.iter().filter(|(of, uses)| counted.get(of).copied().unwrap_or(0) == **uses).map(|(of, _)| of.clone()).collect();
        let overlay = Overlay::new(&before, Anew { history: next.clone(), kept });
        let mut expected = all_named(&before);
        expected.retain(|(track, day, ..), _| !complete.contains(&(*day, track.source.clone())));
        let come = all_named(&next);
        expected.extend(come.into_iter().filter(|((track, day, ..), _)| complete.contains(&(*day, track.source.clone()))));
        assert_eq!(all_named(&overlay.history), expected, "seed {seed}");
        assert_eq!(overlay.history.tracks[..before.tracks.len()], before.tracks, "tracks keep their numbers");
        let left: Vec<u64> = counted.iter().filter(|(of, _)| !complete.contains(of)).map(|(_, uses)| *uses).collect();
        assert_eq!((overlay.left_days, overlay.left_uses), (left.len() as u64, left.iter().sum()), "seed {seed}");
        let pairs = Pairs::new(&before, &overlay.history, &overlay.complete);
        assert_eq!(pairs, paired_plainly(&before, &overlay.history, &complete), "seed {seed}");
        whole += usize::from(!complete.is_empty() && !pairs.moved.is_empty());
    }
    assert!(whole > 200, "{whole} of the stories change anything");
}

/// Every use of every day that is counted anew, put into one table.
fn paired_plainly(before: &History, after: &History, complete: &HashSet<(Day, String)>) -> Pairs {
    let alike = |track: u32| {
        let TrackCount { source, track } = &after.tracks[track as usize];
        (source.clone(), Track { client: None, origin: Origin::Unknown, ..track.clone() })
    };
    let mut uses: HashMap<_, Group> = HashMap::new();
    for (history, is_after) in [(before, false), (after, true)] {
        for count in history.counts.iter().filter(|count| complete.contains(&place(history, count))) {
            let verdict = Verdict { rule: 0, window: WindowKind::Outside, ..count.verdict };
            let group = uses.entry((count.day, alike(count.track), verdict.operation as u8)).or_default();
            let both = group.entry((count.track, verdict)).or_default();
            *(if is_after { &mut both.1 } else { &mut both.0 }) += count.uses;
        }
    }
    let mut pairs = Pairs::default();
    for group in uses.values() {
        let left = pairs.add(group);
        pairs.leave(left);
    }
    pairs
}

#[test]
fn what_comes_out_of_a_crowd_is_the_same_uses_under_a_name() {
    let crowd = Track { username: Some(crowd_of("log/a")), ..Track::default() };
    let of_source = |tracks: Vec<Track>| tracks.into_iter().map(|track| TrackCount { source: "log/a".to_owned(), track });
    let mut rng = fastrand::Rng::with_seed(1);
    let names = [some_track(&mut rng).track, some_track(&mut rng).track, some_track(&mut rng).track];
    let verdict = some_count(&mut rng, 0, 1).verdict;
    let count =
        |track: u32, day: i32, uses: u64| DayCount { track, day: Day(day), verdict, uses, first_ms: 0, last_ms: 0, hours: 1 };
    let tracks: Vec<TrackCount> = of_source([vec![crowd], names.to_vec()].concat()).collect();
    let history = |counts: Vec<DayCount>| History { tracks: tracks.clone(), counts: counts.into(), ..History::default() };
    let before = history(vec![count(0, 1, 7), count(0, 2, 3), count(1, 1, 2)]);
    let after = history(vec![count(1, 1, 2), count(2, 1, 5), count(2, 2, 3), count(3, 1, 2)]);
    let complete = Complete([("log/a".to_owned(), [Day(1), Day(2)].into())].into());
    let pairs = Pairs::new(&before, &after, &complete);
    let moved = |to: u32, uses: u64| ((Some((0, verdict)), Some((to, verdict))), uses);
    assert_eq!((pairs.uses, pairs.moved), (12, [moved(2, 8), moved(3, 2)].into()));
    assert!(pairs.flows.keys().all(|(from, to)| from == to), "nobody is known again by a crowd: {:?}", pairs.flows);
}

#[test]
fn chunks_add_up_to_the_same_however_often_they_are_put_together() {
    for seed in 0..100 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut collected, mut plain) = (Collected::new(Callers::new(usize::MAX, [])), HashMap::<Named, DayCount>::new());
        for _ in 0..rng.usize(1..12) {
            let history = some_history(&mut rng);
            let source = SOURCES[rng.usize(..2)];
            let mut own = history.clone();
            own.tracks.iter_mut().for_each(|track| source.clone_into(&mut track.source));
            for count in own.counts.iter() {
                let nameless = DayCount { track: 0, verdict: Verdict { rule: 0, ..count.verdict }, ..count };
                plain.entry(named(&own, &count)).and_modify(|known| known.add(&nameless)).or_insert(nameless);
            }
            let recount = Recount {
                tracks: history.tracks.into_iter().map(|track| track.track).collect(),
                counts: history.counts.iter().collect(),
                ..Recount::default()
            };
            collected.add(source, recount, &history.rules);
            match rng.u8(..4) {
                0 => collected.put_together(),
                1 => collected = Collected::on(collected.finish(), Callers::new(usize::MAX, [])),
                _ => {}
            }
        }
        assert_eq!(all_named(&collected.finish().history), plain, "seed {seed}");
    }
}

#[test]
fn beyond_the_limit_everything_is_counted_under_one_name() {
    for seed in 0..100 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limit = rng.usize(..4);
        let (mut collected, mut uses) = (Collected::new(Callers::new(limit, [])), 0);
        for _ in 0..rng.usize(1..6) {
            let history = some_history(&mut rng);
            uses += history.counts.iter().map(|count| count.uses).sum::<u64>();
            let recount = Recount {
                tracks: history.tracks.into_iter().map(|track| track.track).collect(),
                counts: history.counts.iter().collect(),
                ..Recount::default()
            };
            collected.add(SOURCES[rng.usize(..2)], recount, &history.rules);
            if rng.bool() {
                collected = Collected::on(collected.finish(), Callers::new(limit, []));
            }
        }
        let history = collected.finish().history;
        assert_eq!(history.counts.iter().map(|count| count.uses).sum::<u64>(), uses, "seed {seed}");
        for source in SOURCES {
            let of_source = history.tracks.iter().filter(|track| track.source == source).map(|track| &track.track);
            let named = of_source.filter(|track| !is_crowd(track.username.as_deref().unwrap_or_default()));
            let callers: BTreeSet<_> = named.map(|track| (&track.username, &track.client, &track.origin)).collect();
            assert!(callers.len() <= limit + limit / 2, "seed {seed}: {callers:?}");
        }
    }
}
