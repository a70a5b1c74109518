//! What another instance tells, beside what is read here.

use super::{
    Fixture,
    inventories::{member, person, token},
    noon,
};
use crate::{
    evidence::{
        Day, Missing,
        exchange::{Entry, Header},
    },
    store::Exchanged,
};

fn file(digest: u8) -> Exchanged {
    let written_ms = noon().as_millisecond() + i64::from(digest);
    let header = Header { instance: "emea".to_owned(), written_ms, from: Day::of(noon()), until: Day::of(noon()).plus(1) };
    Exchanged { header, digest: [digest; 32], sources: Vec::new() }
}

async fn stage(f: &Fixture, file: &Exchanged, told: Vec<Entry>) {
    let file = file.clone();
    f.write(move |w| {
        w.begin_exchange(&file)?;
        w.stage_entries("emea", &told)
    })
    .await;
}

async fn take_up(f: &Fixture, file: &Exchanged) {
    let file = file.clone();
    f.write(move |w| w.end_exchange(&file, &[])).await;
}

#[tokio::test]
async fn who_tells_of_people_and_of_uses_is_believed_once_the_file_is_whole_and_until_the_next() {
    let f = Fixture::new();
    f.write(|w| {
        w.put_members("acme", &[member(person("1", "a"), "owner")], Missing::Gone, noon())?;
        w.put_tokens("acme", &[token("t", None)], Missing::Gone, noon())
    })
    .await;
    let known = async || {
        let roster = f.read(|r| r.roster(noon())).await;
        let mut accounts: Vec<_> = roster.people.iter().filter_map(|person| person.account_id.clone()).collect();
        accounts.sort();
        (accounts.join(" "), roster.tokens[0].last_active_at)
    };
    let last = Entry::TokenUse { organization: "acme".to_owned(), token_id: "t".to_owned(), last: noon() };
    stage(&f, &file(1), vec![Entry::Person(person("1", "a")), Entry::Person(person("2", "b")), last]).await;
    assert_eq!(known().await, ("1".to_owned(), None), "the file may turn out not to be what was signed");
    take_up(&f, &file(1)).await;
    assert_eq!(known().await, ("1 2".to_owned(), None), "a token that is listed here is used when the list here says so");
    stage(&f, &file(2), Vec::new()).await;
    take_up(&f, &file(2)).await;
    assert_eq!(known().await, ("1".to_owned(), None), "the newest file does not name the second any more");
}
