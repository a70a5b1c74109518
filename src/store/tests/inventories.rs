use jiff::Timestamp;
use rusqlite::Connection;

use super::{Fixture, at, noon};
use crate::evidence::{ApiToken, DeployKey, Member, Missing, Permission, Person, Repository, RepositoryPermission, Roster};

const LIST_PERMISSION_HISTORY: &str = include_str!("../../../sql/checks/list_permission_history.sql");

pub fn person(account_id: &str, nickname: &str) -> Person {
    Person { account_id: Some(account_id.to_owned()), nickname: Some(nickname.to_owned()), ..Person::default() }
}

pub fn member(person: Person, permission: &str) -> Member {
    let permission = Some(permission.to_owned());
    Member { workspace: "acme".to_owned(), person, permission, last_accessed: None }
}

pub fn right(repository: &str, account_id: &str, permission: Permission) -> RepositoryPermission {
    RepositoryPermission { workspace: "acme".into(), repository: repository.into(), account_id: account_id.into(), permission }
}

pub fn token(token_id: &str, last_active_at: Option<Timestamp>) -> ApiToken {
    ApiToken {
        organization: "acme".to_owned(),
        token_id: token_id.to_owned(),
        label: "jenkins".to_owned(),
        status: "ACTIVE".to_owned(),
        person: person("1", "a"),
        created_at: Some(noon()),
        expires_at: None,
        last_active_at,
    }
}

pub fn deploy_key(key_id: i64, repository: &str) -> DeployKey {
    DeployKey {
        workspace: "acme".to_owned(),
        repository: repository.to_owned(),
        key_id,
        label: "ci".to_owned(),
        created_at: None,
        last_used: None,
    }
}

/// What the inventories say after everything.
pub async fn roster(f: &Fixture) -> Roster {
    f.read(|r| r.roster(Timestamp::MAX)).await
}

/// Row, account, right, since, until: as the file holds them.
fn rights_in(f: &Fixture) -> Vec<(String, String, String, i64, Option<i64>)> {
    let connection = Connection::open(f.path()).expect("the store");
    let mut statement = connection.prepare(LIST_PERMISSION_HISTORY).expect("a statement");
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

#[tokio::test]
async fn who_had_which_right_when_stays_known() {
    let f = Fixture::new();
    let days: Vec<Timestamp> = (1..=4).map(|day| at(&format!("2026-07-0{day}T00:00:00Z"))).collect();
    let lists = [
        vec![right("api", "1", Permission::Read), right("api", "2", Permission::Admin)],
        vec![right("api", "2", Permission::Admin), right("api", "1", Permission::Read)],
        vec![right("api", "1", Permission::Write)],
        vec![right("api", "1", Permission::Write), right("web", "1", Permission::Read)],
    ];
    for (list, now) in lists.into_iter().zip(days.clone()) {
        f.write(move |w| w.put_permissions("acme", &list, Missing::Gone, now)).await;
    }
    let ms: Vec<i64> = days.iter().map(|day| day.as_millisecond()).collect();
    let row = |repository: &str, account: &str, permission: &str, from, to| {
        (repository.to_owned(), account.to_owned(), permission.to_owned(), from, to)
    };
    let expected = [
        row("api", "1", "read", ms[0], Some(ms[2])),
        row("api", "2", "admin", ms[0], Some(ms[2])),
        row("api", "1", "write", ms[2], None),
        row("web", "1", "read", ms[3], None),
    ];
    assert_eq!(rights_in(&f), expected);
    let present = roster(&f).await.permissions;
    assert_eq!(present, [right("api", "1", Permission::Write), right("web", "1", Permission::Read)]);
}

#[tokio::test]
async fn an_unchanged_list_writes_nothing() {
    let f = Fixture::new();
    let put = || {
        f.write(|w| {
            w.put_members(
                "acme",
                &[member(person("1", "a"), "owner"), member(person("2", "b"), "member")],
                Missing::Gone,
                noon(),
            )?;
            w.put_tokens("acme", &[token("t1", None), token("t2", Some(noon()))], Missing::Gone, noon())?;
            w.put_deploy_keys("acme", "api", &[deploy_key(1, "api")], Missing::Gone, noon())?;
            w.put_permissions("acme", &[right("api", "1", Permission::Read)], Missing::Gone, noon())
        })
    };
    put().await;
    let log = f.directory.path().join("duskwatch.db-wal");
    let before = std::fs::metadata(&log).expect("the write-ahead log").len();
    put().await;
    assert_eq!(std::fs::metadata(&log).expect("the write-ahead log").len(), before);
}

#[tokio::test]
async fn members_are_replaced_within_their_workspace() {
    let f = Fixture::new();
    let elsewhere = Member { workspace: "other".to_owned(), ..member(person("1", "a"), "member") };
    let kept = elsewhere.clone();
    f.write(move |w| w.put_members("other", &[kept], Missing::Gone, noon())).await;
    f.write(|w| {
        w.put_members("acme", &[member(person("1", "a"), "owner"), member(person("2", "b"), "member")], Missing::Gone, noon())
    })
    .await;
    // One was renamed and looked at something, one left, one is listed twice.
    let renamed = Member { last_accessed: Some(noon()), ..member(person("1", "anna"), "owner") };
    let list = [renamed.clone(), renamed.clone()];
    f.write(move |w| w.put_members("acme", &list, Missing::Gone, noon())).await;
    let members = roster(&f).await.members;
    assert_eq!(members, [renamed, elsewhere]);
}

#[tokio::test]
async fn the_last_use_of_a_token_is_followed() {
    let f = Fixture::new();
    let later = at("2026-07-04T00:00:00Z");
    f.write(|w| w.put_tokens("acme", &[token("t1", None), token("t2", None)], Missing::Gone, noon())).await;
    f.write(move |w| w.put_tokens("acme", &[token("t1", Some(later))], Missing::Gone, later)).await;
    assert_eq!(roster(&f).await.tokens, [token("t1", Some(later))]);
}

#[tokio::test]
async fn an_api_that_stops_telling_the_last_use_takes_nothing_back() {
    let f = Fixture::new();
    let later = at("2026-07-04T00:00:00Z");
    for last in [Some(later), Some(noon()), None] {
        f.write(move |w| {
            let key = DeployKey { last_used: last, ..deploy_key(1, "api") };
            w.put_deploy_keys("acme", "api", &[key], Missing::Gone, later)?;
            w.put_members("acme", &[Member { last_accessed: last, ..member(person("1", "a"), "owner") }], Missing::Gone, later)?;
            // What became another is a row of its own, and keeps it too.
            let expires_at = last.is_none().then_some(later);
            w.put_tokens("acme", &[ApiToken { expires_at, ..token("t1", last) }], Missing::Gone, later)
        })
        .await;
        let known = roster(&f).await;
        let told = (known.deploy_keys[0].last_used, known.members[0].last_accessed, known.tokens[0].last_active_at);
        assert_eq!(told, (Some(later), Some(later), Some(later)), "after {last:?}");
    }
}

#[tokio::test]
async fn an_instant_that_is_far_ahead_is_no_last_use() {
    let f = Fixture::new();
    let (never, soon) = (at("9999-01-01T00:00:00Z"), at("2026-07-03T23:00:00Z"));
    for (last, now) in [(never, noon()), (soon, noon()), (never, never)] {
        f.write(move |w| {
            let last = Some(last);
            w.put_deploy_keys("acme", "api", &[DeployKey { last_used: last, ..deploy_key(1, "api") }], Missing::Gone, now)?;
            w.put_members("acme", &[Member { last_accessed: last, ..member(person("1", "a"), "owner") }], Missing::Gone, now)?;
            w.put_tokens("acme", &[token("t1", last)], Missing::Gone, now)
        })
        .await;
        let known = roster(&f).await;
        let told = (known.deploy_keys[0].last_used, known.members[0].last_accessed, known.tokens[0].last_active_at);
        let expected = Some(last).filter(|last| *last == soon || now == never);
        // An activity ahead would say of a present day that what was before is not known.
        assert_eq!(told, (expected, expected.map(|last| last.min(now)), expected), "{last} at {now}");
    }
    // What was believed once, while a clock was wrong, is given up.
    f.write(move |w| w.put_tokens("acme", &[token("t1", Some(noon()))], Missing::Gone, soon)).await;
    assert_eq!(roster(&f).await.tokens, [token("t1", Some(noon()))]);
}

#[tokio::test]
async fn deploy_keys_come_one_repository_at_a_time() {
    let f = Fixture::new();
    f.write(|w| w.put_deploy_keys("acme", "api", &[deploy_key(1, "api"), deploy_key(2, "api")], Missing::Gone, noon())).await;
    f.write(|w| w.put_deploy_keys("acme", "web", &[deploy_key(3, "web")], Missing::Gone, noon())).await;
    let used = DeployKey { last_used: Some(noon()), ..deploy_key(2, "api") };
    let list = [used.clone()];
    f.write(move |w| w.put_deploy_keys("acme", "api", &list, Missing::Gone, noon())).await;
    assert_eq!(roster(&f).await.deploy_keys, [used, deploy_key(3, "web")]);
}

#[tokio::test]
async fn a_repository_that_is_gone_is_no_longer_listed() {
    let f = Fixture::new();
    let repository = |slug: &str, is_private| Repository {
        workspace: "acme".to_owned(),
        slug: slug.to_owned(),
        uuid: Some("{1}".to_owned()),
        is_private,
    };
    let (before, after) = ([repository("api", true), repository("web", true)], [repository("web", false)]);
    let expected = after.clone();
    f.write(move |w| w.put_repositories("acme", &before, Missing::Gone, noon())).await;
    f.write(move |w| w.put_repositories("acme", &after, Missing::Gone, noon())).await;
    assert_eq!(roster(&f).await.repositories, expected);
}
