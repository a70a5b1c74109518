use super::{super::Reader, Fixture, at, noon};
use crate::{evidence::journal::first_break, store::Accepted};

fn accepted(of: &[(&str, &str)]) -> Accepted {
    of.iter().map(|(key, words)| ((*key).to_owned(), (*words).to_owned())).collect()
}

#[tokio::test]
async fn entries_of_the_journal_follow_each_other_and_stay_as_they_are() {
    let f = Fixture::new();
    f.write(|w| w.journal(at("2026-07-03T12:00:00.750Z"), "mtessel", "owners", "added payments")).await;
    f.write(|w| {
        w.journal(noon(), "mtessel", "waivers", "removed k7m2qd4x")?;
        w.journal(noon(), "root", "reclassify", "")
    })
    .await;
    let entries = f.read(Reader::journal).await;
    let told: Vec<_> = entries.iter().map(|e| (e.sequence, e.at.to_string(), e.action.as_str())).collect();
    let time = "2026-07-03T12:00:00Z".to_owned();
    assert_eq!(told, [(1, time.clone(), "owners"), (2, time.clone(), "waivers"), (3, time, "reclassify")]);
    assert_eq!(first_break(&entries), None);

    let file = rusqlite::Connection::open(f.path()).expect("the file");
    for statement in
        [include_str!("../../../tests/data/store/change_journal.sql"), include_str!("../../../tests/data/store/cut_journal.sql")]
    {
        let refused = file.execute(statement, []).expect_err("the journal is append-only").to_string();
        assert!(refused.contains("an entry of the journal is never"), "{refused}");
    }
    assert_eq!(f.read(Reader::journal).await, entries);
}

#[tokio::test]
async fn what_is_accepted_of_a_section_replaces_what_was() {
    let f = Fixture::new();
    for present in [accepted(&[("payments", "14 d"), ("web", "")]), accepted(&[("payments", "45 d"), ("data", "")])] {
        f.write(move |w| {
            w.accept("owners", &present)?;
            assert_eq!(w.accepted("owners")?, present);
            Ok(())
        })
        .await;
    }
    assert_eq!(f.write(|w| w.accepted("waivers")).await, Accepted::new());
}
