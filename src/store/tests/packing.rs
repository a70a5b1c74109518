//! The packed past against the rows that it is made of.

use rusqlite::Connection;

use super::{
    super::{Reader, Slice},
    Fixture, accepted, batch, count, noon, track,
};
use crate::evidence::{Day, DayCount, Grade, Operation, Outcome, Track, Verdict};

/// The last day on which anything is recorded; it is part of a period that is open.
const TODAY: i32 = 20_600;
const TRACKS: u32 = 7;

fn tracks() -> Vec<Track> {
    (0..TRACKS).map(|number| track(&format!("user{number}"), "r")).collect()
}

/// A verdict of a few that there are.
fn some_verdict(rng: &mut fastrand::Rng) -> Verdict {
    Verdict {
        grade: [Grade::Weak, Grade::Strong, Grade::Proven][rng.usize(..3)],
        outcome: [Outcome::Accepted, Outcome::Rejected][rng.usize(..2)],
        operation: [Operation::GitRead, Operation::GitWrite][rng.usize(..2)],
        ..accepted()
    }
}

/// Uses of some days in the last year and a half, mostly late ones, a few from before 1970 and from long ago.
fn some_counts(rng: &mut fastrand::Rng) -> Vec<DayCount> {
    let some = |rng: &mut fastrand::Rng| {
        let day = match rng.u8(..20) {
            0 => rng.i32(-200..200),
            1..10 => rng.i32(TODAY - 9..=TODAY),
            _ => rng.i32(TODAY - 500..=TODAY),
        };
        let plain = count(rng.u32(..TRACKS), day, rng.u64(1..300));
        let first_ms = plain.first_ms + rng.i64(0..80_000_000);
        let last_ms = first_ms + rng.i64(0..3_000_000);
        DayCount { verdict: some_verdict(rng), first_ms, last_ms, hours: rng.u32(..1 << 24), ..plain }
    };
    let mut counts: Vec<DayCount> = (0..rng.usize(1..40)).map(|_| some(rng)).collect();
    counts.sort_by_key(|count| (count.day, count.track, count.verdict));
    counts.dedup_by_key(|count| (count.day, count.track, count.verdict));
    counts
}

async fn pack_all(f: &Fixture) {
    for _ in 0..400 {
        if !f.write(|w| w.pack_next(Day(TODAY))).await {
            return;
        }
    }
    panic!("packing does not end");
}

#[tokio::test]
async fn a_history_that_is_packed_now_and_then_is_the_one_that_never_was() {
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (packed, plain) = (Fixture::new(), Fixture::new());
        for _ in 0..25 {
            let counts = some_counts(&mut rng);
            for f in [&packed, &plain] {
                let batch = batch(tracks(), counts.clone());
                f.write(move |w| w.record(&batch, noon())).await;
            }
            for _ in 0..[0, 0, 1, 400][rng.usize(..4)] {
                if !packed.write(|w| w.pack_next(Day(TODAY))).await {
                    break;
                }
            }
            for until in [i32::MAX, TODAY, rng.i32(TODAY - 520..TODAY), rng.i32(-210..210), i32::MIN] {
                let of_packed = packed.read(move |r| r.history(Day(until))).await;
                let of_plain = plain.read(move |r| r.history(Day(until))).await;
                assert_eq!(of_packed.tracks, of_plain.tracks, "seed {seed}, until {until}");
                assert_eq!(of_packed.counts, of_plain.counts, "seed {seed}, until {until}");
            }
        }
        pack_all(&packed).await;
        let (periods, faults) = packed.read(Reader::verify_packed).await;
        assert!(periods >= 6 && faults.is_empty(), "{periods} periods: {faults:?}");
        assert_eq!(plain.read(Reader::verify_packed).await, (0, Vec::new()));
    }
}

#[tokio::test]
async fn only_what_is_over_and_settled_is_packed_and_late_evidence_unpacks_its_period() {
    let f = Fixture::new();
    let packed = async |today: i32| {
        while f.write(move |w| w.pack_next(Day(today))).await {}
        f.read(Reader::verify_packed).await.0
    };
    let record = |day: i32| f.write(move |w| w.record(&batch(tracks(), vec![count(0, day, 1)]), noon()));
    assert_eq!(packed(TODAY).await, 0, "nothing is counted yet");
    // Day 640 begins the eleventh period of 64 days, which ends on day 703.
    record(640).await;
    assert_eq!((packed(703).await, packed(710).await, packed(711).await), (0, 0, 1));
    record(700).await;
    assert_eq!(f.read(Reader::verify_packed).await, (0, Vec::new()));
    assert_eq!(packed(711).await, 1);
    record(704).await;
    assert_eq!(packed(711).await, 1, "the one before stays packed");
    assert_eq!(f.history().await.counts.iter().map(|count| count.day.0).collect::<Vec<_>>(), [640, 700, 704]);
}

#[tokio::test]
async fn what_is_packed_otherwise_than_it_is_counted_is_found() {
    let f = Fixture::new();
    f.write(|w| w.record(&batch(tracks(), vec![count(0, 640, 1), count(1, 641, 1), count(1, 800, 1)]), noon())).await;
    pack_all(&f).await;
    let connection = Connection::open(f.path()).expect("the store");
    connection.execute_batch(include_str!("../../../tests/data/store/miscount.sql")).expect("a change behind its back");
    let (_, faults) = f.read(Reader::verify_packed).await;
    assert_eq!(faults, ["1971-10-03 to 1971-12-05: what is packed of 1 tracks is not what is counted"]);
    connection.execute_batch(include_str!("../../../tests/data/store/cut_packed_counts.sql")).expect("damage");
    let error = f.store.read(|r| r.history(Day(i32::MAX))).await.expect_err("half a count is none");
    assert!(error.to_string().contains("packed counts of track 1 from 1971-10-03 on"), "{error}");
}

#[tokio::test]
async fn a_day_that_is_asked_again_leaves_nothing_packed_behind_of_whom_it_does_not_name_any_more() {
    let f = Fixture::new();
    let day = Day(TODAY - 200);
    let slice = Slice { from_ms: day.start_ms(), to_ms: day.end_ms(), settled: true };
    for track in [0, 1] {
        let mut piece = batch(tracks(), vec![count(track, day.0, 5)]);
        f.write(move |w| {
            piece.items = 0;
            w.begin_answer(&piece.source)?;
            w.stage(&piece)?;
            piece.counts.clear();
            w.end_answer(slice, &piece, false, noon())
        })
        .await;
        pack_all(&f).await;
    }
    let users: Vec<_> = f.history().await.tracks.into_iter().map(|shown| shown.track.username).collect();
    assert_eq!(users, [Some("user1".to_owned())]);
    let (periods, faults) = f.read(Reader::verify_packed).await;
    assert!(periods >= 1 && faults.is_empty(), "{faults:?}");
}
