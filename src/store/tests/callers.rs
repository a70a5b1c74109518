//! A source that tells of more callers than it may name.

use super::{
    super::{Reader, Rejudged},
    Fixture, at, batch, count, noon, track,
};
use crate::{
    analysis::{Found, Recount},
    evidence::{Batch, CROWD, Day, ELSEWHERE, Person, Sighting, Track, chunk, crowd_of},
};

const DAY: i32 = 20_637;

/// What a page holds: one use of each caller, and the page itself.
fn page(source: &str, tracks: &[Track]) -> Batch {
    let seen = Sighting { time_ms: noon().as_millisecond(), uses: 1, ..Sighting::default() };
    let (seen, ordinals): (Vec<_>, Vec<u32>) = (0..).zip(tracks).map(|(number, _)| (seen.clone(), number)).unzip();
    let counts = (0..).zip(tracks).map(|(number, _)| count(number, DAY, 1)).collect();
    Batch { source: source.to_owned(), chunk: Some(chunk::encode(&seen, &ordinals)), ..batch(tracks.to_vec(), counts) }
}

/// Source, name and repository of each track, with its uses.
async fn counted(f: &Fixture) -> Vec<(String, u64)> {
    let history = f.history().await;
    let of = |n: u32| {
        let found = &history.tracks[n as usize];
        let name = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{} {} {}", found.source, name(&found.track.username), name(&found.track.repository))
    };
    let mut lines: Vec<_> = history.counts.iter().map(|count| (of(count.track), count.uses)).collect();
    lines.sort();
    lines
}

fn lines(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(line, uses)| ((*line).to_owned(), *uses)).collect()
}

/// What was counted together of `log/egress`.
fn crowd(uses: u64) -> Vec<(String, u64)> {
    lines(&[(&format!("log/egress {} ", crowd_of("log/egress")), uses)])
}

#[tokio::test]
async fn what_a_crowd_does_is_counted_and_hides_nobody_who_was_there() {
    let f = Fixture::limited_to(2);
    let first = [track("a", "r"), track("b", "r"), track("x1", "r"), track("x2", "r")];
    f.write(move |w| w.record(&page("log/egress", &first), noon())).await;
    f.write(|w| w.record(&page("log/egress", &[track("a", "another"), track("x1", "r"), track("x3", "q")]), noon())).await;
    f.write(|w| w.record(&page("log/other", &[track("x1", "r")]), noon())).await;
    let expected = [("log/egress a another", 1), ("log/egress a r", 1), ("log/egress b r", 1), ("log/other x1 r", 1)];
    assert_eq!(counted(&f).await, [crowd(4), lines(&expected)].concat(), "each source has room of its own");
    let faults = f.read(|r| Ok(r.verify())).await.into_iter().flat_map(|finding| finding.faults);
    assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
    let beyond = async |text| f.read(move |r| r.beyond_limits(at(text))).await;
    assert_eq!(beyond("2026-07-03T12:00:00Z").await, [("log/egress".to_owned(), 4)]);
    assert_eq!(beyond("2026-09-03T12:00:00Z").await, [], "what was long ago is told no more");
    assert_eq!(beyond("2026-06-03T12:00:00Z").await, [], "nor is what is yet to come");
}

#[tokio::test]
async fn whom_a_list_names_is_named_where_strangers_are_not() {
    let f = Fixture::limited_to(2);
    let mira =
        Person { account_id: Some("557058:a".to_owned()), email: Some("mira@example.test".to_owned()), ..Person::default() };
    f.write(move |w| w.record(&Batch { people: vec![mira], ..page("audit/acme", &[]) }, noon())).await;
    let came = [track("x1", "r"), track("x2", "r"), track("x3", "r"), track("mira@example.test", "r")];
    f.write(move |w| w.record(&page("log/egress", &came), noon())).await;
    let named = [("log/egress mira@example.test r", 1), ("log/egress x1 r", 1), ("log/egress x2 r", 1)];
    assert_eq!(counted(&f).await, [crowd(1), lines(&named)].concat());
}

#[tokio::test]
async fn places_without_end_are_counted_as_one_and_told() {
    let f = Fixture::limited_to(1);
    let places: Vec<Track> = (0..14).map(|n| track("a", &format!("r{n:02}"))).collect();
    f.write(move |w| w.record(&page("log/egress", &places), noon())).await;
    let counted = counted(&f).await;
    assert_eq!(counted.len(), 11, "ten places a caller, and all others");
    assert_eq!(counted[0], (format!("log/egress a {ELSEWHERE}"), 4));
    assert_eq!(f.read(|r| r.beyond_limits(noon())).await, [("log/egress".to_owned(), 4)]);
}

#[tokio::test]
async fn who_was_met_before_the_process_began_takes_room() {
    let f = Fixture::new();
    f.write(|w| w.record(&page("log/egress", &[track("a", "r"), track("b", "r")]), noon())).await;
    let again = super::Store::open(&f.path()).expect("the store opens again").limited_to(3);
    let page = page("log/egress", &[track("b", "another"), track("c", "r"), track("d", "r")]);
    again.write(move |w| w.record(&page, noon())).await.expect("the write commits");
    let named = lines(&[("log/egress a r", 1), ("log/egress b another", 1), ("log/egress b r", 1), ("log/egress c r", 1)]);
    assert_eq!(counted(&f).await, [crowd(1), named].concat());
}

/// What is kept of the first page, judged anew without any change.
fn rejudged(chunk: i64, tracks: &[Track]) -> Rejudged {
    let places = (0..).zip(tracks).map(|(n, _)| Found { day: Day(DAY), track: n, ordinal: n, uses: 1 }).collect();
    let counts = (0..).zip(tracks).map(|(n, _)| count(n, DAY, 1)).collect();
    let uses = tracks.len() as u64;
    let recount = Recount { tracks: tracks.to_vec(), counts, places, counted_before: vec![(Day(DAY), uses)], items: uses };
    Rejudged { chunk, source: "log/egress".to_owned(), recount }
}

#[tokio::test]
async fn workspaces_without_end_are_one_total_and_those_before_go_on() {
    let f = Fixture::new();
    let of = |n: u32| Track { workspace: Some(format!("w{n:04}")), ..track("a", "r") };
    let counts = |n: u32| (0..n).map(|number| count(number, DAY, 1)).collect();
    f.write(move |w| w.record(&batch((0..1003).map(of).collect(), counts(1003)), noon())).await;
    f.write(move |w| w.record(&batch(vec![of(7), of(2000)], counts(2)), noon())).await;
    let totals = f.read(Reader::totals).await.authentications;
    let of_workspace = |name: &str| totals.iter().find(|total| total.workspace.as_deref() == Some(name)).map(|total| total.uses);
    assert_eq!(
        (totals.len(), of_workspace("w0007"), of_workspace("w2000"), of_workspace("(others)")),
        (1001, Some(2), None, Some(4))
    );
}

#[tokio::test]
async fn with_another_limit_what_was_interrupted_begins_anew() {
    let f = Fixture::limited_to(1);
    let tracks = [track("a", "r"), track("x1", "r")];
    let kept = page("log/egress", &tracks);
    f.write(move |w| w.record(&kept, noon())).await;
    let step = f
        .write(move |w| {
            let begun = w.begin_reclassification("the same")?;
            w.add_rejudged(&begun, &[rejudged(1, &tracks)], &["basic-nickname-git".to_owned()])
        })
        .await;
    assert_eq!(step.as_ref().map(|step| (step.done_chunk, step.items)), Some((1, 2)));
    assert_eq!(f.write(|w| w.begin_reclassification("the same")).await, step.expect("nobody else reclassifies"));
    let again = f.store.clone().limited_to(2);
    let begun = again.write(|w| w.begin_reclassification("the same")).await.expect("it begins");
    assert_eq!((begun.done_chunk, begun.items, begun.per_source), (0, 0, 2));
}

#[tokio::test]
async fn a_higher_limit_gives_names_back_when_what_is_kept_is_judged_anew() {
    let f = Fixture::limited_to(1);
    let tracks = [track("a", "r"), track("x1", "r"), track("x2", "r"), track("x3", "r")];
    let kept = page("log/egress", &tracks);
    f.write(move |w| w.record(&kept, noon())).await;
    for (limit, others) in [(1, 3), (3, 1), (2, 2), (4, 0)] {
        let (store, tracks) = (f.store.clone().limited_to(limit), tracks.clone());
        let again = store.write(move |w| {
            let begun = w.begin_reclassification("the same")?;
            let step = w.add_rejudged(&begun, &[rejudged(1, &tracks)], &["basic-nickname-git".to_owned()])?;
            w.switch_to_rejudged(&step.expect("nobody else reclassifies"))
        });
        again.await.expect("it is judged anew");
        let counted = counted(&f).await;
        let crowd = counted.iter().filter(|(line, _)| line.contains(CROWD)).map(|(_, uses)| uses).sum::<u64>();
        assert_eq!((crowd, counted.iter().map(|(_, uses)| uses).sum::<u64>()), (others, 4), "at most {limit}");
        let faults = f.read(|r| Ok(r.verify())).await.into_iter().flat_map(|finding| finding.faults);
        assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
    }
}
