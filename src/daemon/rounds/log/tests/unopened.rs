//! Files that lie there and may not be opened.

use std::{fs::Permissions, io::Write as _, os::unix::fs::PermissionsExt as _, thread};

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::*;

/// What somebody does who may not read what is closed to its owner. An administrator may, so the thread gives that up.
fn as_a_user(work: impl AsyncFnOnce(Place) + Send) {
    let run = || {
        let mut may = capabilities(None).expect("capabilities");
        may.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
        set_capabilities(None, may).expect("given up");
        // Its threads are begun by this one, and may no more.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work(Place::new()));
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

impl Place {
    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path().join(name), Permissions::from_mode(mode)).expect("set");
    }

    /// The writer has the file open, whoever may open it now.
    fn append(&self, name: &str, second: i64) {
        let path = self.path().join(name);
        let mode = fs::metadata(&path).map_or(0o644, |file| file.permissions().mode());
        let mut file = fs::OpenOptions::new();
        if path.exists() {
            self.set_mode(name, 0o600);
        }
        let mut file = file.create(true).append(true).open(&path).expect("a file");
        file.write_all(line(second).as_bytes()).expect("written");
        self.set_mode(name, mode);
    }

    /// The words of a round that fails in part.
    async fn fails(&self, second: i64) -> String {
        match self.run(second).await {
            Err(RoundError::InPart(words)) => words,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_round_fails_with_the_same_words_while_a_file_may_not_be_opened_and_nothing_of_it_is_lost() {
    as_a_user(async |place| {
        place.append("a.jsonl", NOW - 5);
        place.append("b.jsonl", NOW - 4);
        place.run(NOW).await.expect("a round");
        place.set_mode("b.jsonl", 0);
        place.run(NOW + 10).await.expect("it has not grown since it was read");
        place.append("b.jsonl", NOW + 11);
        let words = place.fails(NOW + 20).await;
        assert!(words.starts_with("1 file cannot be read") && words.contains("b.jsonl: Permission denied"), "{words}");
        assert_eq!(place.fails(NOW + 30).await, words, "nothing has happened to it");
        place.append("b.jsonl", NOW + 31);
        assert_eq!(place.fails(NOW + 40).await, words, "it has grown");
        place.append("a.jsonl", NOW + 41);
        assert_eq!(place.fails(NOW + 50).await, words, "the other one has grown");
        let looked = (CoverageState::Covered, NOW - 5, NOW + 10);
        assert_eq!(place.coverage().await, [looked, (CoverageState::Missed, NOW + 10, NOW + 50)]);
        let totals = place.store.read(crate::store::Reader::totals).await.expect("totals");
        assert_eq!(totals.skipped.iter().map(|skip| skip.count).sum::<u64>(), 1, "counted once");

        place.set_mode("b.jsonl", 0o600);
        assert_eq!(place.run(NOW + 60).await.expect("it may be read").items, 2);
        assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + 60)]);
    });
}

#[test]
fn a_file_that_may_not_be_opened_and_is_renamed_is_still_there() {
    as_a_user(async |place| {
        place.append("a.jsonl", NOW - 5);
        place.run(NOW).await.expect("a round");
        place.append("b.jsonl", NOW + 1);
        place.set_mode("b.jsonl", 0);
        place.fails(NOW + 10).await;
        fs::rename(place.path().join("b.jsonl"), place.path().join("b.jsonl.1")).expect("renamed");
        assert!(place.fails(NOW + 20).await.contains("b.jsonl.1: "));
        place.set_mode("b.jsonl.1", 0o600);
        assert_eq!(place.run(NOW + 30).await.expect("it may be read").items, 1);
        assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + 30)]);
    });
}

#[test]
fn a_file_that_was_read_to_its_end_and_is_rotated_to_where_it_may_not_be_opened_is_no_trouble() {
    as_a_user(async |place| {
        place.append("a.jsonl", NOW - 5);
        place.run(NOW).await.expect("a round");
        fs::rename(place.path().join("a.jsonl"), place.path().join("a.jsonl.1")).expect("renamed");
        place.set_mode("a.jsonl.1", 0);
        place.append("a.jsonl", NOW + 1);
        assert_eq!(place.run(NOW + DAY).await.expect("all of it was read").items, 1);
        assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + DAY)], "nor is anything torn");
        place.append("a.jsonl.1", NOW + DAY);
        assert!(place.fails(NOW + DAY + 10).await.contains("a.jsonl.1: "), "it has grown");
    });
}

/// What becomes of a file that could not be read.
type Fate = fn(&Place);

#[test]
fn what_was_in_a_file_that_goes_before_it_may_be_opened_is_missed_and_the_log_works_again() {
    let fates: [(&str, Fate); 3] = [
        ("removed", |place| fs::remove_file(place.path().join("b.jsonl")).expect("removed")),
        ("emptied", |place| {
            place.set_mode("b.jsonl", 0o600);
            fs::File::create(place.path().join("b.jsonl")).expect("emptied");
        }),
        ("replaced", |place| {
            fs::write(place.path().join("new"), line(NOW + 2)).expect("written");
            fs::rename(place.path().join("new"), place.path().join("b.jsonl")).expect("renamed");
        }),
    ];
    for (name, fate) in fates {
        as_a_user(async move |place| {
            place.append("a.jsonl", NOW - 5);
            place.run(NOW).await.expect("a round");
            place.append("b.jsonl", NOW + 1);
            place.set_mode("b.jsonl", 0);
            place.fails(NOW + 10).await;
            fate(&place);
            place.run(NOW + 20).await.expect("nothing is left that cannot be read");
            place.run(NOW + 30).await.expect("a round");
            let expected = [
                (CoverageState::Covered, NOW - 5, NOW),
                (CoverageState::Missed, NOW, NOW + 10),
                (CoverageState::Missed, NOW + 10, NOW + 20),
                (CoverageState::Covered, NOW + 20, NOW + 30),
            ];
            let found = place.coverage().await;
            assert!(found.len() >= 3 && found[0] == expected[0] && found.last() == expected.last(), "{name}: {found:?}");
            assert!(found[1..found.len() - 1].iter().all(|(state, ..)| *state == CoverageState::Missed), "{name}: {found:?}");
        });
    }
}
