//! In whatever order files come, and however often, the store ends the same.

use std::fs;

use duskwatch::{evidence::Day, simulator::ServeOptions};

use super::{EAST, Party, WEST, WESTERN, eastern, exchanges};
use crate::support::{NOW, Site, at, days_before, picture::Picture, small_world};

fn said(picture: &Picture) -> String {
    format!("{:#?} {:#?} {:#?} {:#?}", picture.counts, picture.coverage, picture.states, picture.totals)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_repetition_of_files_end_in_the_same_store() {
    let world = small_world(43, at(NOW), 12);
    let mut site = Site::new(&world, ServeOptions::default()).await;
    let (west, east) = (
        Party::new(&site, &WESTERN.map(str::to_owned), false, &WEST.section()),
        Party::new(&site, &eastern(&site), false, &EAST.section()),
    );
    // Files of four instants, some of which speak for the last days alone.
    let mut files = Vec::new();
    for (days, back) in [(9, None), (4, Some(6)), (1, Some(2)), (0, None)] {
        let now = days_before(at(NOW), days);
        site.grow(now);
        let now = now.to_string();
        for party in [&west, &east] {
            party.poll(&now).await;
            let from = back.map(|back| Day::of(at(&now)).plus(-back));
            files.push(party.hand_over(from, &now).await);
        }
    }
    let mut ends = Vec::new();
    for seed in 0..4 {
        // As they were written, and then mixed, some of them twice.
        let again = files.iter().take(usize::try_from(seed).unwrap());
        let mut order: Vec<_> = files.iter().chain(again).collect();
        if seed > 0 {
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
        }
        let reporter = Party::new(&site, &[], false, &exchanges("36h"));
        for file in order {
            reporter.take(file, NOW).await.unwrap();
        }
        ends.push(said(&reporter.picture().await));
    }
    let newest = Party::new(&site, &[], false, &exchanges("36h"));
    for file in &files[6..] {
        newest.take(file, NOW).await.unwrap();
    }
    ends.push(said(&newest.picture().await));
    for end in &ends[1..] {
        let different = ends[0].lines().zip(end.lines()).find(|(one, other)| one != other);
        assert_eq!(different, None, "{} and {} lines", ends[0].lines().count(), end.lines().count());
    }
    assert!(ends.iter().all(|end| end.len() == ends[0].len()) && ends[0].contains("exchange/east/log/"), "{}", ends[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_that_was_set_up_anew_calls_otherwise_is_counted_once() {
    let site = Site::grown(&small_world(51, at(NOW), 5), ServeOptions::default()).await;
    let logs = WESTERN.map(str::to_owned);
    let (old, anew) = (Party::new(&site, &logs, false, &WEST.section()), Party::new(&site, &logs, false, &WEST.section()));
    let renamed = fs::read_to_string(anew.config()).unwrap().replace("name = \"egress-inspected\"", "name = \"proxy\"");
    fs::write(anew.config(), renamed).unwrap();
    old.poll(NOW).await;
    anew.poll(NOW).await;
    let files = [old.hand_over(None, NOW).await, anew.hand_over(None, "2026-07-03T08:00:00Z").await];
    let counted = |picture: &Picture| picture.counts.values().map(|(uses, ..)| uses).sum::<u64>();
    let uses = counted(&anew.picture().await);
    assert!(uses > 0);
    for order in [[0, 1], [1, 0]] {
        let reporter = Party::new(&site, &[], false, &exchanges("36h"));
        for file in order {
            reporter.take(&files[file], NOW).await.unwrap();
        }
        assert_eq!(counted(&reporter.picture().await), uses, "{order:?}");
    }
}
