//! Rounds over real files into a real store: what they record, and what they claim to have seen.

mod odd;
mod unopened;

use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;

use super::{Begin, LogRound, Odd, SoFar};
use crate::{
    daemon::{
        engine::{RoundError, Tally},
        options::Log,
        rounds::Setting,
    },
    evidence::{
        Coverage, CoverageState,
        format::{Form, Format},
    },
    source::{Layout, plan},
    store::Store,
};

const NOW: i64 = 1_783_062_000;
const DAY: i64 = 86_400;

struct Place {
    directory: tempfile::TempDir,
    store: Store,
    round: LogRound,
}

impl Place {
    fn new() -> Self {
        Self::of(Form { host: Some("bitbucket.org".to_owned()), ..Form::new(Format::Json) })
    }

    fn of(form: Form) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        let pattern = directory.path().join("*.jsonl").to_string_lossy().into_owned();
        let log = Log { name: "l".to_owned(), paths: vec![pattern], form };
        let round = LogRound::new(Setting::bare("log/l"), Arc::new(log));
        Self { directory, store, round }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Has the rounds read these files, by their names.
    fn read<const N: usize>(&mut self, names: [&str; N]) -> [std::path::PathBuf; N] {
        let paths = names.map(|name| self.path().join(name));
        let log = Log {
            name: "l".to_owned(),
            paths: paths.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
            form: Form { host: Some("bitbucket.org".to_owned()), ..Form::new(Format::Json) },
        };
        self.round = LogRound::new(Setting::bare("log/l"), Arc::new(log));
        paths
    }

    async fn run(&self, second: i64) -> Result<Tally, RoundError> {
        self.round.run(&self.store, Timestamp::from_second(second).expect("an instant")).await
    }

    /// The states of the intervals, with where they begin and end in Unix seconds.
    async fn coverage(&self) -> Vec<(CoverageState, i64, i64)> {
        let ledger = self.store.read(crate::store::Reader::ledger).await.expect("a ledger");
        let seconds = |c: &Coverage| (c.state, c.from_ms / 1_000, c.to_ms / 1_000);
        ledger.sources.get("log/l").map(|intervals| intervals.iter().map(seconds).collect()).unwrap_or_default()
    }
}

fn line(second: i64) -> String {
    format!("{{\"time\":{second},\"job\":\"j{second}\"}}\n")
}

#[tokio::test]
async fn an_unreadable_file_is_missed_and_the_others_are_read() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), line(NOW - DAY)).expect("written");
    let content: String = (0..20_000).map(|n| line(NOW - 2 * DAY - n * 7_919 % 50_000)).collect();
    let mut packed = zstd::encode_all(content.as_bytes(), 1).expect("in memory");
    packed.truncate(packed.len() - 9);
    fs::write(place.path().join("b.jsonl.1.zst"), packed).expect("written");
    let failed = place.run(NOW).await.expect_err("one file is damaged");
    assert!(
        matches!(&failed, RoundError::InPart(words) if words.contains("1 file cannot be read") && words.contains("b.jsonl.1.zst"))
    );
    let covered = place.coverage().await;
    assert!(covered.iter().all(|(state, ..)| *state == CoverageState::Missed), "{covered:?}");
    let tally = place.run(NOW + 60).await.expect("it is left alone until it changes");
    assert_eq!(tally.items, 0);
    assert_eq!(place.coverage().await.last(), Some(&(CoverageState::Covered, NOW, NOW + 60)), "what was missed stays missed");
}

#[tokio::test]
async fn one_stray_ancient_line_claims_no_decades() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), line(1) + &line(NOW - 5)).expect("written");
    assert_eq!(place.run(NOW).await.expect("a round").items, 2);
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 400 * DAY, NOW)]);
}

#[tokio::test]
async fn a_log_that_changed_its_format_was_not_seen() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), line(NOW - 5)).expect("written");
    place.run(NOW).await.expect("a round");
    fs::write(place.path().join("b.jsonl"), "{\"when\":1}\n".repeat(20)).expect("written");
    let failed = place.run(NOW + 60).await.expect_err("no line is understood");
    assert!(matches!(&failed, RoundError::InPart(words) if words.contains("no_time")), "{failed}");
    fs::write(place.path().join("c.jsonl"), "{\"time\":1,\"host\":\"github.com\"}\n").expect("written");
    place.run(NOW + 120).await.expect("another host's lines are understood");
    let expected = [
        (CoverageState::Covered, NOW - 5, NOW),
        (CoverageState::Missed, NOW, NOW + 60),
        (CoverageState::Covered, NOW + 60, NOW + 120),
    ];
    assert_eq!(place.coverage().await, expected);
}

#[tokio::test]
async fn an_odd_line_of_a_log_that_is_understood_fails_no_round_and_of_a_new_one_it_does() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), "{\"when\":1}\n").expect("written");
    place.run(NOW).await.expect_err("nothing of this log was ever understood");
    fs::write(place.path().join("b.jsonl"), line(NOW + 1)).expect("written");
    place.run(NOW + 60).await.expect("a round");
    fs::write(place.path().join("c.jsonl"), "no json at all\n").expect("written");
    let tally = place.run(NOW + 120).await.expect("it is skipped and counted");
    assert_eq!((tally.items, tally.skipped), (0, 1));
    assert_eq!(place.coverage().await.last(), Some(&(CoverageState::Covered, NOW, NOW + 120)));
}

#[tokio::test]
async fn a_round_that_ends_after_lines_that_nobody_understood_leaves_their_time_missed() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), line(NOW - 5)).expect("written");
    place.run(NOW).await.expect("a round");
    fs::write(place.path().join("b.jsonl"), "{\"when\":1}\n".repeat(20)).expect("written");
    let killed = Timestamp::from_second(NOW + 60).expect("an instant");
    let stored = place.store.read(|r| r.cursors("log/l")).await.expect("cursors").into_iter().collect();
    let found = plan(&place.round.log.paths, Layout::Lines, &stored, killed).expect("a pattern");
    let so_far = SoFar::new(Begin::new(Some(NOW * 1_000), None, killed), Odd::new(None, NOW * 1_000, true), killed);
    place.round.read_files(&place.store, found.files, so_far).await.expect("and nothing after it");
    fs::write(place.path().join("c.jsonl"), line(NOW + 90)).expect("written");
    place.run(NOW + 120).await.expect("a line that is understood");
    let expected = [
        (CoverageState::Covered, NOW - 5, NOW),
        (CoverageState::Missed, NOW, NOW + 60),
        (CoverageState::Covered, NOW + 60, NOW + 120),
    ];
    assert_eq!(place.coverage().await, expected);
}

#[tokio::test]
async fn of_files_of_one_instant_any_may_have_been_the_last_that_was_written() {
    for gone in ["a.jsonl", "b.jsonl"] {
        let place = Place::new();
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW.unsigned_abs() - 5);
        for name in ["a.jsonl", "b.jsonl"] {
            fs::write(place.path().join(name), format!("{}{{\"file\":\"{name}\"}}\n", line(NOW - 5))).expect("written");
            let file = fs::File::options().append(true).open(place.path().join(name)).expect("a file");
            file.set_modified(written).expect("a settable time");
        }
        place.run(NOW).await.expect("a round");
        fs::remove_file(place.path().join(gone)).expect("removed");
        fs::write(place.path().join("c.jsonl"), line(NOW + 7_000)).expect("written");
        place.run(NOW + 7_200).await.expect("a round");
        let missed = place.coverage().await.into_iter().filter(|(state, ..)| *state == CoverageState::Missed);
        assert_eq!(missed.count(), 1, "{gone} may have grown before it went");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_missed_once_and_again_when_it_grows() {
    let place = Place::new();
    fs::write(place.path().join("a.jsonl"), line(NOW - 5)).expect("written");
    place.run(NOW).await.expect("a round");
    let damaged = place.path().join("b.jsonl.gz");
    fs::write(&damaged, "this is no archive").expect("written");
    assert!(matches!(place.run(NOW + 60).await, Err(RoundError::InPart(_))));
    assert_eq!(place.run(NOW + 120).await.expect("nothing has happened to it").skipped, 0);
    fs::write(&damaged, "this is no archive, and grows").expect("written");
    assert!(matches!(place.run(NOW + 180).await, Err(RoundError::InPart(_))));
    let expected = [
        (CoverageState::Covered, NOW - 5, NOW),
        (CoverageState::Missed, NOW, NOW + 60),
        (CoverageState::Covered, NOW + 60, NOW + 120),
        (CoverageState::Missed, NOW + 120, NOW + 180),
    ];
    assert_eq!(place.coverage().await, expected);
}

#[tokio::test]
async fn a_round_in_which_only_comments_and_lines_without_a_request_came_missed_nothing() {
    let place = Place::of(Form::new(Format::Squid));
    let line = |second: i64, rest: &str| format!("{second}.000 1 198.51.100.7 {rest} - HIER_NONE/- -\n");
    let good = line(NOW - 5, "TCP_MISS/200 77 GET https://bitbucket.org/acme/web.git/HEAD");
    fs::write(place.path().join("a.jsonl"), good).expect("written");
    place.run(NOW).await.expect("a round");
    fs::write(place.path().join("b.jsonl"), "# restarted\n").expect("written");
    place.run(NOW + 60).await.expect("a comment is no line that nobody understands");
    let probe = line(NOW + 61, "NONE_NONE/000 0 NONE error:transaction-end-before-headers");
    fs::write(place.path().join("c.jsonl"), probe).expect("written");
    assert_eq!(place.run(NOW + 120).await.expect("a round").skipped, 1);
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 5, NOW + 120)]);
    fs::write(place.path().join("d.jsonl"), "# renamed\n".to_owned() + &"an unknown form\n".repeat(20)).expect("written");
    place.run(NOW + 180).await.expect_err("a comment does not make up for lines that nobody understands");
}

#[tokio::test]
async fn a_table_is_read_as_it_grows_with_its_header_and_rows_of_several_lines() {
    let place = Place::of(Form::new(Format::Csv));
    let path = place.path().join("a.jsonl");
    let begun = format!("time,message\n{},\"one\ntwo\"\n{},\"three\n", NOW - 5, NOW - 4);
    fs::write(&path, &begun).expect("written");
    assert_eq!(place.run(NOW).await.expect("a round").items, 1);
    fs::write(&path, format!("{begun}four\"\n{},five\n", NOW - 3)).expect("written");
    let tally = place.run(NOW + 60).await.expect("a round");
    assert_eq!((tally.items, tally.skipped), (2, 0));
}

#[tokio::test]
async fn what_went_before_anybody_looked_again_is_missed_up_to_where_the_log_goes_on() {
    let place = Place::new();
    let write = |name: &str, second: i64| fs::write(place.path().join(name), line(second)).unwrap();
    write("may.jsonl", NOW - 60);
    place.run(NOW).await.unwrap();
    let looked = (CoverageState::Covered, NOW - 60, NOW);
    // Looked at again at once, nothing can have been lost.
    fs::remove_file(place.path().join("may.jsonl")).unwrap();
    write("june.jsonl", NOW + 30);
    place.run(NOW + 60).await.unwrap();
    assert_eq!(place.coverage().await, [(looked.0, looked.1, NOW + 60)]);

    fs::remove_file(place.path().join("june.jsonl")).unwrap();
    let resumed = NOW + 30 * DAY;
    write("july.jsonl", resumed);
    place.run(NOW + 33 * DAY).await.unwrap();
    place.run(NOW + 33 * DAY + 10).await.unwrap();
    let expected = [
        (CoverageState::Covered, NOW - 60, NOW + 60),
        (CoverageState::Missed, NOW + 60, resumed),
        (CoverageState::Covered, resumed, NOW + 33 * DAY + 10),
    ];
    assert_eq!(place.coverage().await, expected);
}

#[tokio::test]
async fn what_lies_in_the_place_of_a_log_and_is_no_file_is_told_though_older_ones_lie_beside_it() {
    let mut place = Place::new();
    let [path] = place.read(["app.log"]);
    fs::write(&path, line(NOW - 60)).unwrap();
    place.run(NOW).await.unwrap();
    fs::rename(&path, place.path().join("app.log.1")).unwrap();
    fs::create_dir(&path).unwrap();
    let error = place.run(NOW + 10).await.unwrap_err().to_string();
    assert!(error.contains("1 path is no regular file, such as") && error.contains("app.log"), "{error}");
    fs::remove_file(place.path().join("app.log.1")).unwrap();
    let error = place.run(NOW + 20).await.unwrap_err().to_string();
    assert!(error.contains("no file matches") && error.contains("1 path is no regular file"), "{error}");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, line(NOW - 60) + &line(NOW + 30)).unwrap();
    place.run(NOW + 40).await.unwrap();
    let coverage = place.coverage().await;
    assert_eq!(coverage.last().map(|last| (last.0, last.2)), Some((CoverageState::Covered, NOW + 40)), "{coverage:?}");
}

#[tokio::test]
async fn a_log_of_two_files_is_not_read_while_one_of_them_has_gone() {
    let mut place = Place::new();
    let paths = place.read(["a.log", "b.log"]);
    // Who names a file that is still to come waits for it.
    fs::write(&paths[0], line(NOW - 60)).unwrap();
    place.run(NOW).await.unwrap();
    fs::write(&paths[1], line(NOW - 50)).unwrap();
    place.run(NOW + 10).await.unwrap();
    fs::remove_file(&paths[1]).unwrap();
    let error = place.run(NOW + DAY).await.unwrap_err().to_string();
    assert!(error.contains("there is no file any more, such as") && error.contains("b.log"), "{error}");
    let totals = place.store.read(crate::store::Reader::totals).await.expect("totals");
    assert!(totals.skipped.is_empty(), "a look that finds nothing passes nothing over");
    let expected = [(CoverageState::Covered, NOW - 60, NOW + 10), (CoverageState::Missed, NOW + 10, NOW + DAY)];
    assert_eq!(place.coverage().await, expected);
    fs::write(&paths[1], line(NOW - 50) + &line(NOW + 20)).unwrap();
    place.run(NOW + DAY + 10).await.unwrap();
    assert_eq!(place.coverage().await, [(CoverageState::Covered, NOW - 60, NOW + DAY + 10)]);
}
