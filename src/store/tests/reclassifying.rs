//! Counts that are built beside the others and take their place: batch by batch, by whoever goes on, all at once.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{super::Reader, Fixture, accepted, batch, count, noon, track};
use crate::{
    analysis::{Found, Recount},
    evidence::{Batch, Credential, Day, Verdict, chunk::Chunk},
    store::{Rejudged, Store},
};

const DAY: i32 = 20_637;
const RULES: &str = "our-rule";

fn strong() -> Verdict {
    Verdict { credential: Credential::ApiToken, ..accepted() }
}

/// A page with one chunk: two uses of a track on a day.
fn page(name: &str, day: i32) -> Batch {
    let chunk = Chunk { items: 2, first_ms: 0, last_ms: 1, bytes: name.as_bytes().to_vec() };
    Batch { chunk: Some(chunk), fingerprint: "old".to_owned(), ..batch(vec![track(name, "r")], vec![count(0, day, 2)]) }
}

/// The same as it is judged now: by another client, with another credential.
fn rejudged(chunk: i64, name: &str, day: i32) -> Rejudged {
    let mut renamed = track(name, "r");
    renamed.client = Some("acme-git".to_owned());
    let recount = Recount {
        tracks: vec![renamed],
        counts: vec![crate::evidence::DayCount { verdict: strong(), ..count(0, day, 2) }],
        places: vec![Found { day: Day(day), track: 0, ordinal: 0, uses: 2 }],
        counted_before: vec![(Day(day), 2)],
        items: 2,
    };
    Rejudged { chunk, source: "log/egress".to_owned(), recount }
}

/// Day, name, client and credential of every count.
async fn counts(f: &Fixture) -> Vec<String> {
    let history = f.history().await;
    let line = |count: &crate::evidence::DayCount| {
        let track = &history.tracks[count.track as usize].track;
        let name = track.username.clone().expect("a name");
        let client = track.client.clone().expect("a client");
        format!("{} {name} {client} {} {}", count.day.0 - DAY, count.verdict.credential, count.uses)
    };
    let mut lines: Vec<_> = history.counts.iter().map(|count| line(&count)).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn new_counts_are_seen_all_at_once_and_what_was_recorded_meanwhile_is_among_them() {
    let f = Fixture::new();
    for (name, day) in [("a", DAY), ("b", DAY + 1)] {
        f.write(move |w| w.record(&page(name, day), noon())).await;
    }
    let begun = f.write(|w| w.begin_reclassification("new")).await;
    let chunks = f.read(|r| r.chunks_after(0, 10, usize::MAX)).await;
    let (first, second) = (chunks[0].id, chunks[1].id);
    let rules = vec![RULES.to_owned()];
    let step = f.write(move |w| w.add_rejudged(&begun, &[rejudged(first, "a", DAY)], &rules)).await.expect("it is ours");
    let old = ["0 a git-cli app_password 2", "1 b git-cli app_password 2"];
    assert_eq!(counts(&f).await, old);

    // Whoever comes with the same rules goes on, and whoever is behind adds nothing.
    assert_eq!(f.write(|w| w.begin_reclassification("new")).await, step);
    let (behind, ahead) = (crate::store::Progress { done_chunk: 0, ..step.clone() }, step.clone());
    let rules = vec![RULES.to_owned()];
    assert_eq!(f.write(move |w| w.add_rejudged(&behind, &[rejudged(first, "a", DAY)], &rules)).await, Some(ahead));

    f.write(|w| w.record(&page("c", DAY), noon())).await;
    let rules = vec![RULES.to_owned()];
    f.write(move |w| {
        let rest = w.chunks_after(step.done_chunk, 10)?;
        assert_eq!(rest.len(), 2);
        let rest = [rejudged(second, "b", DAY + 1), rejudged(rest[1].id, "c", DAY)];
        let step = w.add_rejudged(&step, &rest, &rules)?.expect("it is ours");
        w.switch_to_rejudged(&step)
    })
    .await;
    assert_eq!(counts(&f).await, ["0 a acme-git api_token 2", "0 c acme-git api_token 2", "1 b acme-git api_token 2"]);
    assert_eq!(f.read(|r| r.items_judged_otherwise("new")).await, 0);
    f.write(|w| w.record(&page("d", DAY), noon())).await;
    assert_eq!(f.read(|r| r.items_judged_otherwise("new")).await, 2);
    let anew = f.read(|r| r.anew(Day(i32::MAX))).await;
    assert!(anew.history.counts.is_empty() && anew.kept.is_empty());
}

/// A store whose first two chunks lie in the file in the wrong order.
fn out_of_order(f: &Fixture, directory: &Path) -> Store {
    let connection = Connection::open(f.path()).expect("a connection");
    connection.pragma_query(None, "wal_checkpoint", |_| Ok(())).expect("all is in the file");
    let find = include_str!("../../../tests/data/store/find_root_of_chunks.sql");
    let root: u32 = connection.query_row(find, [], |row| row.get(0)).expect("a table");
    let size: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).expect("a size");
    let mut bytes = fs::read(f.path()).expect("a file");
    // A leaf of a table: eight bytes of header, and where each row is, in two bytes (https://sqlite.org/fileformat2.html#b_tree_pages).
    let leaf = &mut bytes[((root - 1) * size) as usize..];
    assert_eq!((leaf[0], leaf[4]), (0x0d, 2), "a leaf of two rows");
    leaf[8..12].rotate_left(2);
    let path = directory.join("damaged.db");
    fs::write(&path, bytes).expect("a copy");
    Store::open(&path).expect("nobody looks there")
}

#[tokio::test]
async fn rows_that_are_not_in_order_are_damage_and_lead_nobody_in_a_circle() {
    let f = Fixture::new();
    f.write(|w| w.record(&page("a", DAY), noon())).await;
    f.write(|w| w.record(&page("b", DAY), noon())).await;
    let directory = tempfile::tempdir().expect("a directory");
    let store = out_of_order(&f, directory.path());
    let both = store.read(|r| r.chunks_after(0, 2, usize::MAX)).await.map(|chunks| chunks.len());
    assert!(both.as_ref().is_err_and(|error| error.to_string().contains("rows are not in order")), "{both:?}");
    let findings = store.read(|r| Ok(r.verify())).await.expect("the rest is looked at");
    assert!(format!("{findings:?}").contains("it cannot be read to its end"), "{findings:?}");
}

#[tokio::test]
async fn other_rules_begin_anew_and_a_day_with_more_than_is_kept_stays() {
    let f = Fixture::new();
    f.write(|w| w.record(&page("a", DAY), noon())).await;
    // Uses whose chunk is gone.
    f.write(|w| w.record(&Batch { chunk: None, ..page("gone", DAY) }, noon())).await;
    f.write(|w| w.record(&page("b", DAY + 1), noon())).await;
    let chunks = f.read(|r| r.chunks_after(0, 10, 1)).await;
    assert_eq!(chunks.len(), 1, "the bytes of one are enough");
    let ids: Vec<i64> = f.read(|r| r.chunks_after(0, 10, usize::MAX)).await.iter().map(|chunk| chunk.id).collect();
    let begun = f.write(|w| w.begin_reclassification("half")).await;
    let (first, rules) = (ids[0], vec![RULES.to_owned()]);
    f.write(move |w| w.add_rejudged(&begun, &[rejudged(first, "a", DAY)], &rules)).await;

    let begun = f.write(|w| w.begin_reclassification("new")).await;
    assert_eq!((begun.done_chunk, begun.items), (0, 0));
    let rules = vec![RULES.to_owned()];
    f.write(move |w| {
        let all = [rejudged(ids[0], "a", DAY), rejudged(ids[1], "b", DAY + 1)];
        let step = w.add_rejudged(&begun, &all, &rules)?.expect("it is ours");
        w.switch_to_rejudged(&step)
    })
    .await;
    assert_eq!(counts(&f).await, ["0 a git-cli app_password 2", "0 gone git-cli app_password 2", "1 b acme-git api_token 2"]);
    assert_eq!(f.write(|w| w.progress()).await, None);
    assert_eq!(f.read(Reader::totals).await.authentications.len(), 1, "the running totals stay as they were");
}
