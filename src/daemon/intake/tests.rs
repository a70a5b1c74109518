//! What requests claim to have seen, in a real store.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Arrival, Sender};
use crate::{
    daemon::rounds::Setting,
    evidence::{Day, Grade, coverage::covered_days},
    serve::Receipt,
    store::{Reader, Store},
};

const SOURCE: &str = "intake/proxy";

struct Place {
    _directory: tempfile::TempDir,
    store: Store,
    sender: Arc<Sender>,
    last_hour: Option<i64>,
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        let setting = Setting::bare(SOURCE);
        let sender = Arc::new(Sender { setting, workspaces: Vec::new(), maximum_grade: Grade::Proven });
        Self { _directory: directory, store, sender, last_hour: None }
    }

    async fn push(&mut self, now: &str, body: &str) -> Receipt {
        let (sender, bytes) = (Arc::clone(&self.sender), body.as_bytes().to_vec());
        let arrival = Arrival { sender, last_hour: self.last_hour, bytes, now: at(now) };
        let (receipt, last_hour) = self.store.write(move |w| arrival.record(w)).await.expect("a store that works");
        self.last_hour = last_hour;
        receipt
    }

    /// The covered intervals, with their items.
    async fn covered(&self) -> Vec<(String, String, u64)> {
        let ledger = self.store.read(Reader::ledger).await.expect("a ledger");
        let shown = |ms| Timestamp::from_millisecond(ms).expect("an instant").to_string();
        let intervals = ledger.sources.get(SOURCE).cloned().unwrap_or_default();
        intervals.iter().map(|c| (shown(c.from_ms), shown(c.to_ms), c.items)).collect()
    }
}

fn line(time: &str) -> String {
    format!("{{\"time\":\"{time}\",\"host\":\"bitbucket.org\",\"username\":\"ada\",\"scheme\":\"basic\"}}\n")
}

fn owned(intervals: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    intervals.iter().map(|(from, to, items)| ((*from).to_owned(), (*to).to_owned(), *items)).collect()
}

#[tokio::test]
async fn a_sender_covers_the_hours_in_which_it_delivers_and_no_others() {
    let mut place = Place::new();
    place.push("2026-07-03T06:40:00Z", &(line("2026-07-03T06:10:00Z") + &line("2026-07-03T06:20:00Z"))).await;
    assert_eq!(place.covered().await, owned(&[("2026-07-03T06:00:00Z", "2026-07-03T06:40:00Z", 2)]));
    // The hour before is filled up, the hours in which nothing came are not.
    place.push("2026-07-03T10:30:00Z", &line("2026-07-03T10:29:00Z")).await;
    let both = owned(&[("2026-07-03T06:00:00Z", "2026-07-03T07:00:00Z", 2), ("2026-07-03T10:00:00Z", "2026-07-03T10:30:00Z", 1)]);
    assert_eq!(place.covered().await, both);
    // What comes again claims nothing.
    let again = place.push("2026-07-03T12:30:00Z", &line("2026-07-03T10:29:00Z")).await;
    assert_eq!((again.recorded, again.repeated, place.covered().await), (0, 1, both));
}

#[tokio::test]
async fn a_request_of_which_nothing_is_understood_is_warned_of_until_one_is() {
    let mut place = Place::new();
    let mut minute = 0;
    let mut after = async |body: &str| {
        minute += 1;
        place.push(&format!("2026-07-03T06:{minute:02}:00Z"), body).await;
        let states = place.store.read(Reader::source_states).await.expect("a store that works");
        let state = states.into_iter().find(|(name, _)| name == SOURCE).map(|(_, state)| state).unwrap_or_default();
        (state.warning.unwrap_or_default(), state.last_success.map(|at| at.strftime("%H:%M").to_string()).unwrap_or_default())
    };
    let junk = "nothing of its newest request could be used (2 lines, malformed, such as a): see what its sender sends";
    let good = line("2026-07-03T06:00:30Z");
    let nothing_in_it = "{\"level\":\"info\"}\n".to_owned();
    let useless = "nothing of its newest request could be used (1 line, no_time, such as {\"level\"}): see what its sender sends";
    for (body, warning, understood_at) in [
        (nothing_in_it, useless, ""),
        (good.clone(), "", "06:02"),
        ("a\nb\n".to_owned(), junk, "06:02"),
        ("a\nb\n".to_owned(), junk, "06:02"),
        (" \n".to_owned(), junk, "06:02"),
        (format!("{good}a\n"), "", "06:06"),
        ("a\nb\n".to_owned(), junk, "06:06"),
        ("{\"time\":\"2026-07-03T06:00:30Z\",\"host\":\"github.com\"}\n".to_owned(), "", "06:08"),
    ] {
        assert_eq!(after(&body).await, (warning.to_owned(), understood_at.to_owned()), "after {body:?}");
    }
}

#[tokio::test]
async fn a_forwarder_that_delivers_in_every_hour_covers_the_day_also_when_it_was_cut_off_and_makes_up_for_it() {
    let mut place = Place::new();
    for hour in (0..10).chain(14..24) {
        let time = format!("2026-07-02T{hour:02}:15:00Z");
        place.push(&time, &line(&time)).await;
    }
    place.push("2026-07-03T00:05:00Z", &line("2026-07-03T00:04:00Z")).await;
    assert_eq!(place.covered().await.len(), 2);
    let kept_back: String = (10..14).map(|hour| line(&format!("2026-07-02T{hour:02}:59:59Z"))).collect();
    place.push("2026-07-03T00:06:00Z", &kept_back).await;
    assert_eq!(place.covered().await, owned(&[("2026-07-02T00:00:00Z", "2026-07-03T00:06:00Z", 25)]));
    let ledger = place.store.read(Reader::ledger).await.expect("a ledger");
    assert_eq!(covered_days(&ledger.sources[SOURCE]), [Day::parse("2026-07-02").expect("a day")]);
}

#[tokio::test]
async fn lines_for_other_hosts_show_that_the_sender_looked_and_stray_dates_claim_nothing() {
    let mut place = Place::new();
    let elsewhere = line("2026-07-03T01:00:00Z").replace("bitbucket.org", "github.com");
    place.push("2026-07-03T06:40:00Z", &elsewhere).await;
    assert_eq!(place.covered().await, owned(&[("2026-07-03T06:00:00Z", "2026-07-03T06:40:00Z", 0)]));
    let stray = place.push("2026-07-03T06:50:00Z", &(line("2019-01-01T00:00:00Z") + "{\"time\":\"never\"}\n")).await;
    assert_eq!((stray.recorded, stray.skipped), (1, 1));
    assert_eq!(place.covered().await.len(), 1);
    // A clock that is ahead is still of this hour.
    place.push("2026-07-03T06:59:58Z", &line("2026-07-03T07:00:03Z")).await;
    assert_eq!(place.covered().await, owned(&[("2026-07-03T06:00:00Z", "2026-07-03T06:59:58Z", 1)]));
}

#[tokio::test]
async fn an_id_that_may_have_been_cut_identifies_nothing() {
    let mut place = Place::new();
    let with_id = |id: String| line("2026-07-03T06:10:00Z").replace('}', &format!(",\"event_id\":\"{id}\"}}"));
    let long = "a".repeat(300);
    let twice = with_id(format!("{long}1")) + &with_id(format!("{long}2"));
    assert_eq!(place.push("2026-07-03T06:40:00Z", &twice).await.recorded, 2);
    assert_eq!(place.push("2026-07-03T06:40:00Z", &twice).await.repeated, 2);
}
