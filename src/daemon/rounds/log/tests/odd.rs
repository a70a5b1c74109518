//! Lines that nobody understands.

use super::*;
use crate::evidence::{Batch, CursorUpdate};

const STRANGE: &str = "{\"when\":1}\n";

impl Place {
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).expect("written");
    }

    async fn odd(&self) -> Option<String> {
        let cursors = self.store.read(|r| r.cursors("log/l")).await.expect("cursors");
        cursors.into_iter().find_map(|(key, text)| (key == "odd").then_some(text))
    }
}

#[tokio::test]
async fn a_log_that_changed_its_format_and_grows_slowly_is_missed_from_its_first_strange_line_until_it_is_understood() {
    let place = Place::new();
    place.write("a.jsonl", &line(NOW - 5));
    place.run(NOW).await.unwrap();
    place.run(NOW + 10).await.unwrap();
    for (n, name) in (1..=3).zip(["b", "c", "d"]) {
        place.write(&format!("{name}.jsonl"), &format!("{{\"file\":{n}}}\n{}", STRANGE.repeat(5)));
        assert_eq!(place.run(NOW + 20 * n).await.unwrap().skipped, 6);
        assert_eq!(place.run(NOW + 20 * n + 10).await.unwrap().skipped, 0);
    }
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + 70)], "so far they may be odd ones");
    place.write("e.jsonl", &format!("{{\"file\":4}}\n{STRANGE}"));
    let words = place.run(NOW + 80).await.unwrap_err().to_string();
    assert!(words.contains("is understood as json: 20 are skipped (no_time), such as"), "{words}");
    let looked = (CoverageState::Covered, NOW - 5, NOW + 10);
    assert_eq!(place.coverage().await, [looked, (CoverageState::Missed, NOW + 10, NOW + 80)]);
    assert_eq!(place.run(NOW + 90).await.unwrap_err().to_string(), words, "nothing has come");
    place.write("f.jsonl", &format!("{{\"file\":5}}\n{}", STRANGE.repeat(30)));
    assert_eq!(place.run(NOW + 100).await.unwrap_err().to_string(), words);
    assert_eq!(place.coverage().await, [looked, (CoverageState::Missed, NOW + 10, NOW + 100)]);

    place.write("g.jsonl", "{\"time\":1,\"host\":\"github.com\"}\n");
    place.run(NOW + 110).await.expect("another host's line is understood");
    place.run(NOW + 120).await.unwrap();
    let missed = (CoverageState::Missed, NOW + 10, NOW + 100);
    assert_eq!(place.coverage().await, [looked, missed, (CoverageState::Covered, NOW + 100, NOW + 120)]);
    assert_eq!(place.odd().await, None);
}

#[tokio::test]
async fn a_line_that_is_understood_makes_up_for_odd_ones_before_it() {
    let place = Place::new();
    place.write("a.jsonl", &line(NOW - 5));
    place.run(NOW).await.unwrap();
    for n in 1..6 {
        place.write(&format!("b{n}.jsonl"), &format!("{{\"file\":{n}}}\n{}", STRANGE.repeat(14)));
        place.run(NOW + 20 * n).await.unwrap();
        let looked = if n == 1 { NOW } else { NOW + 20 * n - 10 };
        assert_eq!(place.odd().await, Some(format!("15 {} (no_time), such as {{\"file\"}}", looked * 1_000)));
        place.write(&format!("c{n}.jsonl"), &line(NOW + 20 * n));
        place.run(NOW + 20 * n + 10).await.unwrap();
        assert_eq!(place.odd().await, None);
    }
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + 110)]);
}

#[tokio::test]
async fn strange_lines_of_a_round_that_did_not_end_are_counted() {
    let place = Place::new();
    place.write("a.jsonl", &line(NOW - 5));
    place.run(NOW).await.unwrap();
    place.write("b.jsonl", &STRANGE.repeat(19));
    place.run(NOW + 10).await.unwrap();
    place.write("c.jsonl", &format!("{{\"file\":1}}\n{STRANGE}"));
    let killed = Timestamp::from_second(NOW + 20).unwrap();
    let stored: std::collections::BTreeMap<_, _> = place.store.read(|r| r.cursors("log/l")).await.unwrap().into_iter().collect();
    let odd = Odd::new(stored.get("odd"), NOW * 1_000 + 10_000, true);
    let found = plan(&place.round.log.paths, Layout::Lines, &stored, killed).unwrap();
    let so_far = SoFar::new(Begin::new(Some(NOW * 1_000 + 10_000), None, killed), odd, killed);
    place.round.read_files(&place.store, found.files, so_far).await.expect("and nothing after it");
    let words = place.run(NOW + 30).await.unwrap_err().to_string();
    assert!(words.contains("is understood as json: 21 are skipped"), "{words}");
    let expected = [(CoverageState::Covered, NOW - 5, NOW), (CoverageState::Missed, NOW, NOW + 30)];
    assert_eq!(place.coverage().await, expected);
}

#[tokio::test]
async fn a_log_that_was_never_understood_fails_in_quiet_rounds_too_until_a_line_is_understood() {
    let place = Place::new();
    place.write("a.jsonl", STRANGE);
    let words = place.run(NOW).await.unwrap_err().to_string();
    assert!(words.contains("is understood as json: 1 is skipped (no_time), such as {\"when\"}; look at"), "{words}");
    for n in 1..4 {
        assert_eq!(place.run(NOW + 10 * n).await.unwrap_err().to_string(), words, "nothing has come");
    }
    place.write("b.jsonl", &STRANGE.repeat(3));
    assert_eq!(place.run(NOW + 40).await.unwrap_err().to_string(), words);
    assert_eq!(place.coverage().await, [(CoverageState::Missed, NOW, NOW + 40)]);
    place.write("c.jsonl", "{\"time\":1,\"host\":\"github.com\"}\n");
    place.run(NOW + 50).await.expect("another host's line is understood");
    place.write("d.jsonl", STRANGE);
    place.run(NOW + 60).await.expect("it may be an odd one");
    let covered = (CoverageState::Covered, NOW + 40, NOW + 60);
    assert_eq!(place.coverage().await, [(CoverageState::Missed, NOW, NOW + 40), covered]);
}

#[tokio::test]
async fn a_log_that_so_far_has_only_lines_of_other_hosts_is_understood_and_one_that_could_not_be_opened_is_not() {
    let place = Place::new();
    place.write("a.jsonl", "{\"time\":1,\"host\":\"github.com\"}\n");
    place.run(NOW).await.expect("another host's line is understood");
    place.write("b.jsonl", STRANGE);
    place.run(NOW + 10).await.expect("it may be an odd one");
    place.run(NOW + 20).await.expect("nothing has come");

    let place = Place::new();
    place.write("a.jsonl.gz", "this is no archive");
    place.run(NOW).await.unwrap_err();
    place.run(NOW + 10).await.expect("nothing has come");
    place.write("b.jsonl", STRANGE);
    place.run(NOW + 20).await.expect_err("nothing of it was ever understood");
    place.run(NOW + 30).await.expect_err("and still is not");
}

#[tokio::test]
async fn strange_lines_that_were_counted_without_what_the_first_of_them_was_like_are_told_and_counted_on() {
    let place = Place::new();
    place.write("a.jsonl", &line(NOW - 5));
    place.run(NOW).await.unwrap();
    place.write("b.jsonl", &STRANGE.repeat(19));
    place.run(NOW + 10).await.unwrap();
    // As a version before this one kept it.
    let count = |count: u32| CursorUpdate { key: "odd".to_owned(), value: Some(format!("{count} {NOW}000")) };
    for (odd, told) in [(19, None), (25, Some("is understood as json: 25 are skipped; look at"))] {
        let batch = Batch { source: "log/l".to_owned(), cursors: vec![count(odd)], ..Batch::default() };
        let instant = Timestamp::from_second(NOW + 10).unwrap();
        place.store.write(move |w| w.record(&batch, instant)).await.expect("a store that works");
        let words = place.run(NOW + 20).await.err().map(|error| error.to_string());
        assert_eq!(words.is_some(), told.is_some(), "{words:?}");
        assert!(told.is_none_or(|told| words.is_some_and(|words| words.contains(told))), "{told:?}");
    }
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW), (CoverageState::Missed, NOW, NOW + 20)]);
    place.write("c.jsonl", &format!("{{\"file\":1}}\n{STRANGE}"));
    place.run(NOW + 30).await.unwrap_err();
    assert_eq!(place.odd().await, Some(format!("27 {NOW}000 (no_time), such as {{\"file\"}}")));
}
