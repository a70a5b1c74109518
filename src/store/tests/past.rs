//! The inventories at instants that are gone by, and lists that do not say everything.

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Fixture, at,
    inventories::{deploy_key, member, person, right, roster, token},
};
use crate::evidence::{ApiToken, GoneToken, Listed, Member, Missing, Permission, Repository, RepositoryPermission, Roster};

const LIST_TOKEN_USES: &str = include_str!("../../../sql/checks/list_token_uses.sql");

/// The July days on which lists are read.
fn day(number: i32) -> Timestamp {
    at(&format!("2026-07-{number:02}T06:00:00Z"))
}

async fn roster_on(f: &Fixture, number: i32) -> Roster {
    f.read(move |r| r.roster(day(number))).await
}

fn named(members: &[Member]) -> Vec<(&str, Option<&str>)> {
    members.iter().map(|m| (m.person.account_id.as_deref().expect("an account"), m.permission.as_deref())).collect()
}

fn rights(permissions: &[RepositoryPermission]) -> Vec<(&str, &str, Permission)> {
    permissions.iter().map(|right| (&*right.repository, &*right.account_id, right.permission)).collect()
}

fn repository(slug: &str) -> Repository {
    Repository { workspace: "acme".to_owned(), slug: slug.to_owned(), uuid: None, is_private: true }
}

async fn put_permissions(f: &Fixture, on: i32, list: &[RepositoryPermission], missing: Missing) {
    let list = list.to_vec();
    f.write(move |w| w.put_permissions("acme", &list, missing, day(on))).await;
}

async fn put_members(f: &Fixture, on: i32, list: &[Member], missing: Missing) {
    let list = list.to_vec();
    f.write(move |w| w.put_members("acme", &list, missing, day(on))).await;
}

async fn put_tokens(f: &Fixture, on: i32, list: &[ApiToken], missing: Missing) {
    let list = list.to_vec();
    f.write(move |w| w.put_tokens("acme", &list, missing, day(on))).await;
}

#[tokio::test]
async fn a_right_that_changes_goes_and_comes_back_is_known_for_every_day() {
    use Permission::{Admin, Read, Write};
    let f = Fixture::new();
    put_permissions(&f, 2, &[right("api", "1", Read), right("api", "2", Admin)], Missing::Gone).await;
    put_permissions(&f, 4, &[right("api", "1", Write), right("api", "2", Admin)], Missing::Gone).await;
    put_permissions(&f, 6, &[right("api", "2", Admin)], Missing::Gone).await;
    put_permissions(&f, 8, &[right("api", "1", Write), right("api", "2", Admin)], Missing::Gone).await;
    let two = ("api", "2", Admin);
    for (on, first) in
        [(1, Some(Read)), (2, Some(Read)), (3, Some(Read)), (4, Some(Write)), (6, None), (7, None), (8, Some(Write))]
    {
        let expected: Vec<_> = first.map(|permission| ("api", "1", permission)).into_iter().chain([two]).collect();
        assert_eq!(rights(&roster_on(&f, on).await.permissions), expected, "on July {on}");
    }
}

#[tokio::test]
async fn who_left_was_a_member_until_then() {
    let f = Fixture::new();
    put_members(&f, 2, &[member(person("1", "a"), "owner"), member(person("2", "b"), "member")], Missing::Gone).await;
    put_members(&f, 4, &[member(person("1", "a"), "member")], Missing::Gone).await;
    assert_eq!(named(&roster_on(&f, 3).await.members), [("1", Some("owner")), ("2", Some("member"))]);
    assert_eq!(named(&roster_on(&f, 5).await.members), [("1", Some("member"))]);
    put_members(&f, 6, &[member(person("2", "b"), "member"), member(person("1", "a"), "member")], Missing::Gone).await;
    assert_eq!(named(&roster_on(&f, 5).await.members), [("1", Some("member"))]);
    assert_eq!(named(&roster_on(&f, 6).await.members), [("1", Some("member")), ("2", Some("member"))]);
}

#[tokio::test]
async fn from_when_to_when_somebody_was_listed_stays_known_and_later_lists_are_left_out() {
    let f = Fixture::new();
    put_members(&f, 2, &[member(person("1", "mt"), "member")], Missing::Gone).await;
    put_members(&f, 4, &[member(person("1", "mira"), "member")], Missing::Gone).await;
    put_members(&f, 6, &[member(person("2", "mt"), "member")], Missing::Gone).await;
    let later = roster_on(&f, 5).await.listed_later;
    assert_eq!(later.iter().map(|row| (row.person.account_id.as_deref(), row.from)).collect::<Vec<_>>(), [(Some("2"), day(6))]);
    let listed = async |on: i32| {
        let rows = roster_on(&f, on).await.listed;
        let short = |row: Listed| (row.person.nickname.expect("a nickname"), row.from, row.until);
        rows.into_iter().map(short).collect::<Vec<_>>()
    };
    let row = |nickname: &str, from: i32, until: Option<i32>| (nickname.to_owned(), day(from), until.map(day));
    assert_eq!(listed(1).await, [row("mt", 2, None)]);
    assert_eq!(listed(5).await, [row("mt", 2, Some(4)), row("mira", 4, None)]);
    assert_eq!(listed(7).await, [row("mt", 2, Some(4)), row("mira", 4, Some(6)), row("mt", 6, None)]);
}

#[tokio::test]
async fn a_list_with_unreadable_rows_adds_and_changes_and_ends_nothing() {
    let f = Fixture::new();
    put_members(&f, 2, &[member(person("1", "a"), "owner"), member(person("2", "b"), "member")], Missing::Gone).await;
    put_members(&f, 3, &[member(person("1", "a"), "member"), member(person("3", "c"), "member")], Missing::Unread).await;
    let mut members = roster(&f).await.members;
    members.sort_by(|a, b| a.person.cmp(&b.person));
    assert_eq!(named(&members), [("1", Some("member")), ("2", Some("member")), ("3", Some("member"))]);

    put_permissions(&f, 2, &[right("api", "1", Permission::Read), right("web", "1", Permission::Read)], Missing::Gone).await;
    put_permissions(&f, 3, &[right("api", "1", Permission::Write)], Missing::Unread).await;
    assert_eq!(rights(&roster(&f).await.permissions), [("api", "1", Permission::Write), ("web", "1", Permission::Read)]);

    put_tokens(&f, 2, &[token("t1", None), token("t2", None)], Missing::Gone).await;
    put_tokens(&f, 3, &[], Missing::Unread).await;
    assert_eq!(roster(&f).await.tokens.len(), 2);
}

#[tokio::test]
async fn before_the_first_list_only_what_was_made_by_then_is_known_and_later_activity_shows_that_earlier_is_not() {
    let f = Fixture::new();
    let made = |id: &str, on: i32| ApiToken { created_at: Some(day(on)), ..token(id, None) };
    put_tokens(&f, 6, &[made("t1", 3), made("t2", 5)], Missing::Gone).await;
    let known = async |on| roster_on(&f, on).await.tokens.into_iter().map(|token| token.token_id).collect::<Vec<_>>();
    assert_eq!(
        (known(2).await, known(4).await, known(5).await),
        (vec![], vec!["t1".to_owned()], vec!["t1".to_owned(), "t2".to_owned()])
    );

    let active = Member { last_accessed: Some(day(6)), ..member(person("1", "a"), "owner") };
    put_members(&f, 6, std::slice::from_ref(&active), Missing::Gone).await;
    assert_eq!(roster_on(&f, 4).await.members, [active]);
}

#[tokio::test]
async fn what_a_list_no_longer_tells_stays_as_it_was_told_last() {
    let f = Fixture::new();
    let told = Member { last_accessed: Some(day(1)), ..member(person("1", "a"), "owner") };
    let silent = Member { permission: None, last_accessed: None, ..told.clone() };
    put_members(&f, 2, std::slice::from_ref(&told), Missing::Gone).await;
    put_members(&f, 3, std::slice::from_ref(&silent), Missing::Gone).await;
    assert_eq!(roster(&f).await.members, std::slice::from_ref(&told));
    // A permission that is another begins a new row; the activity goes with it, and is never set back.
    let demoted = Member { permission: Some("member".to_owned()), last_accessed: None, ..told.clone() };
    put_members(&f, 4, &[demoted], Missing::Gone).await;
    let expected = Member { permission: Some("member".to_owned()), ..told };
    assert_eq!(roster(&f).await.members, [expected]);
}

#[tokio::test]
async fn rights_come_one_repository_at_a_time_where_that_is_all_we_may_ask() {
    let f = Fixture::new();
    let put = |slug: &'static str, list: Vec<RepositoryPermission>, on| {
        f.write(move |w| w.put_permissions_on("acme", slug, &list, Missing::Gone, day(on)))
    };
    put("api", vec![right("api", "1", Permission::Read), right("api", "2", Permission::Read)], 2).await;
    put("web", vec![right("web", "1", Permission::Admin)], 2).await;
    put("api", vec![right("api", "1", Permission::Write)], 3).await;
    assert_eq!(rights(&roster(&f).await.permissions), [("api", "1", Permission::Write), ("web", "1", Permission::Admin)]);
}

#[tokio::test]
async fn with_a_repository_go_its_rights_and_deploy_keys() {
    let f = Fixture::new();
    f.write(|w| {
        w.put_repositories("acme", &[repository("api"), repository("web")], Missing::Gone, day(2))?;
        w.put_permissions_on("acme", "api", &[right("api", "1", Permission::Read)], Missing::Gone, day(2))?;
        w.put_permissions_on("acme", "web", &[right("web", "1", Permission::Read)], Missing::Gone, day(2))?;
        w.put_deploy_keys("acme", "api", &[deploy_key(1, "api")], Missing::Gone, day(2))?;
        w.put_deploy_keys("acme", "web", &[deploy_key(2, "web")], Missing::Gone, day(2))?;
        let web = Repository { is_private: false, ..repository("web") };
        w.put_repositories("acme", &[web], Missing::Gone, day(4))
    })
    .await;
    let now = roster(&f).await;
    assert_eq!(rights(&now.permissions), [("web", "1", Permission::Read)]);
    assert_eq!(now.deploy_keys, [deploy_key(2, "web")]);
    let then = roster_on(&f, 3).await;
    assert_eq!((then.repositories.len(), then.permissions.len(), then.deploy_keys.len()), (2, 2, 2));
}

#[tokio::test]
async fn a_token_is_followed_from_its_first_use_to_its_end() {
    let f = Fixture::new();
    let expiring = ApiToken { expires_at: Some(day(7)), ..token("t2", None) };
    put_tokens(&f, 2, &[token("t1", None), expiring.clone(), token("t3", Some(day(1)))], Missing::Gone).await;
    put_tokens(&f, 3, &[token("t1", Some(day(3))), expiring.clone(), token("t3", Some(day(1)))], Missing::Gone).await;
    let later = at("2026-07-03T18:00:00Z");
    put_tokens(&f, 4, &[token("t1", Some(later)), expiring.clone()], Missing::Gone).await;
    let blocked = ApiToken { status: "blocked".to_owned(), ..token("t1", Some(day(5))) };
    put_tokens(&f, 6, &[blocked.clone(), expiring.clone()], Missing::Gone).await;
    put_tokens(&f, 8, std::slice::from_ref(&blocked), Missing::Gone).await;

    let now = roster_on(&f, 9).await;
    assert_eq!(now.tokens, [blocked]);
    let gone = |token: ApiToken, on| GoneToken { token, gone_at: day(on) };
    assert_eq!(now.gone_tokens, [gone(expiring.clone(), 8), gone(token("t3", Some(day(1))), 4)]);
    assert_eq!(now.gone_tokens.iter().map(GoneToken::status).collect::<Vec<_>>(), ["expired", "revoked"]);

    let then = roster_on(&f, 5).await;
    assert_eq!(then.tokens, [token("t1", Some(later)), expiring], "the last use before that day");
    assert_eq!(then.gone_tokens.len(), 1);
    assert_eq!(uses_in(&f), [("t1".to_owned(), later), ("t1".to_owned(), day(5)), ("t3".to_owned(), day(1))]);

    put_tokens(&f, 10, &[token("t3", Some(day(9)))], Missing::Gone).await;
    let back = roster(&f).await;
    assert_eq!(back.tokens, [token("t3", Some(day(9)))]);
    assert_eq!(back.gone_tokens.iter().map(|gone| gone.token.token_id.as_str()).collect::<Vec<_>>(), ["t1", "t2"]);
}

/// Tokens and the last use of each day that the inventory told.
fn uses_in(f: &Fixture) -> Vec<(String, Timestamp)> {
    let connection = Connection::open(f.path()).expect("the store");
    let mut statement = connection.prepare(LIST_TOKEN_USES).expect("a statement");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Timestamp::from_millisecond(row.get(1)?).expect("an instant")));
    statement.query_map([], read).expect("rows").collect::<Result<_, _>>().expect("rows")
}
