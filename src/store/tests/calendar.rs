//! What the calendar told, and for how long that is known.

use jiff::{Timestamp, ToSpan};

use super::{super::Reader, Fixture, at, noon};
use crate::report::{ToldEvent, document::EventRow};

fn event(uid: &str, ends: Timestamp) -> EventRow {
    let told = ToldEvent { starts: ends, ends, words: "words".to_owned(), sequence: 3, revised: ends.min(noon()) };
    EventRow {
        uid: uid.to_owned(),
        starts: ends,
        ends: None,
        category: "EXPIRY",
        summary: String::new(),
        description: String::new(),
        url: String::new(),
        told,
    }
}

/// Tells of these events, and returns the UIDs that are known afterwards.
async fn tell(f: &Fixture, events: Vec<EventRow>, now: Timestamp) -> Vec<String> {
    let told = f.read(Reader::told_events).await;
    f.write(move |w| w.remember_events(&events, &told, now)).await;
    f.read(Reader::told_events).await.into_keys().collect()
}

#[tokio::test]
async fn what_is_long_past_and_told_no_more_is_forgotten() {
    let f = Fixture::new();
    let (past, coming) = (noon() - 24.hours(), at("2026-12-01T00:00:00Z"));
    let removal = event("removal", past);
    let both = vec![removal.clone(), event("expiry-1", past), event("expiry-2", coming)];
    assert_eq!(tell(&f, both, noon()).await, ["expiry-1", "expiry-2", "removal"]);
    let still_told = || vec![removal.clone()];
    let soon = tell(&f, still_told(), noon() + (58 * 24).hours()).await;
    assert_eq!(soon, ["expiry-1", "expiry-2", "removal"], "programs may still show it");
    assert_eq!(tell(&f, still_told(), noon() + (60 * 24).hours()).await, ["expiry-2", "removal"]);
    assert_eq!(f.read(Reader::told_events).await["removal"].sequence, 3);
}

#[tokio::test]
async fn events_without_end_are_not_all_remembered() {
    let f = Fixture::new();
    let never = at("9999-01-01T00:00:00Z");
    for list in 0..12 {
        let events = (0..1_000).map(|n| event(&format!("expiry-{list:02}-{n:03}"), never)).collect();
        let known = tell(&f, events, noon()).await;
        assert_eq!(known.len(), 10_000.min((list + 1) * 1_000), "{list}");
        assert_eq!(known.last().map(String::as_str), Some(&*format!("expiry-{list:02}-999")), "what is told now stays");
    }
}
