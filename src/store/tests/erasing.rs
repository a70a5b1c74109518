use std::{collections::BTreeSet, fs};

use rusqlite::Connection;

use super::{
    Fixture,
    inventories::{deploy_key, right, token},
    noon,
    outbox::digest,
};
use crate::{
    analysis::erasure::{Erasure, Identity},
    evidence::{ApiToken, DeployKey, Missing, Permission},
    store::{NewMessage, OTLP, Reader},
};

const LIST_TEXT_COLUMNS: &str = include_str!("../../../sql/checks/list_text_columns.sql");

/// What an erasure does with the text in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The name is taken out, or the row goes.
    Erased,
    /// One of our own words, a number in text, or a name of a place, an organisation or a campaign.
    Nobody,
    /// How a thing is known again: a file on the disk, what somebody else numbered.
    Place,
}

use Fate::{Erased, Nobody, Place};

/// Who adds a column decides here, and in `store::erase`.
const FATES: [(&str, &[(&str, Fate)]); 40] = [
    ("accepted", &[("section", Nobody), ("key", Erased), ("words", Erased)]),
    ("alarm", &[("kind", Nobody), ("about", Erased), ("reason", Erased)]),
    ("api_token", &[("organization", Place), ("token_id", Erased), ("label", Erased), ("status", Nobody)]),
    ("authentication_total", &[("workspace", Place), ("credential", Nobody), ("outcome", Nobody), ("grade", Nobody)]),
    ("calendar_event", &[("uid", Erased), ("words", Nobody)]),
    ("chunk", &[("bytes", Erased)]),
    ("coverage", &[("state", Nobody), ("reason", Erased)]),
    // Of lines that nobody understands the shape of the first.
    ("cursor", &[("key", Place), ("value", Erased)]),
    ("deploy_key", &[("workspace", Place), ("repository", Place), ("label", Erased)]),
    (
        "directory_entry",
        &[
            ("register", Place),
            ("account_id", Erased),
            ("nickname", Erased),
            ("display_name", Erased),
            ("email", Erased),
            ("team", Erased),
        ],
    ),
    ("exchange_day", &[("digest", Nobody)]),
    ("forecast", &[("campaign", Place)]),
    (
        "integration_key",
        &[
            ("integration", Nobody),
            ("first_integration", Nobody),
            ("user", Erased),
            ("client", Nobody),
            ("origin_kind", Nobody),
            ("origin", Erased),
        ],
    ),
    ("integration_status", &[("campaign", Place), ("integration", Nobody), ("status", Nobody)]),
    // Nothing is written into it that would have to be erased, but who ran or decided something.
    ("journal", &[("actor", Place), ("action", Nobody), ("detail", Place), ("hash", Nobody)]),
    ("member", &[("workspace", Place), ("permission", Nobody)]),
    ("message", &[("channel", Nobody), ("audience", Erased), ("message_id", Erased), ("subject", Erased), ("body", Erased)]),
    ("meta", &[("key", Nobody), ("value", Nobody)]),
    ("name", &[("text", Erased)]),
    ("occurrence", &[("channel", Nobody), ("audience", Erased)]),
    ("packed_counts", &[("counts", Nobody)]),
    ("person", &[("account_id", Erased), ("uuid", Erased), ("nickname", Erased), ("display_name", Erased), ("email", Erased)]),
    ("recipient", &[("address", Erased), ("state", Nobody), ("failure", Erased)]),
    ("reclassification", &[("fingerprint", Nobody)]),
    (
        "registered_credential",
        &[("register", Place), ("kind", Nobody), ("label", Erased), ("location", Erased), ("owner", Erased)],
    ),
    ("reported_day", &[("campaign", Place)]),
    ("repository", &[("workspace", Place), ("slug", Place), ("uuid", Place)]),
    ("repository_permission", &[("permission", Nobody)]),
    ("request_total", &[("status_class", Nobody)]),
    ("ruling", &[("fingerprint", Nobody)]),
    ("seen", &[("hashes", Nobody)]),
    ("settled_total", &[("channel", Nobody)]),
    ("skipped", &[("reason", Nobody), ("sample", Erased)]),
    ("source", &[("name", Place), ("failure", Erased), ("warning", Erased), ("maximum_grade", Nobody)]),
    (
        "status_change",
        &[
            ("campaign", Place),
            ("integration", Nobody),
            ("from_status", Nobody),
            ("to_status", Nobody),
            ("cause", Nobody),
            ("reason", Erased),
        ],
    ),
    ("token_use", &[("organization", Place), ("token_id", Erased)]),
    ("told", &[("channel", Nobody), ("audience", Erased), ("campaign", Place)]),
    ("track", &[("origin_kind", Nobody)]),
    ("unknown_value", &[("field", Nobody), ("value", Erased)]),
    (
        "verdict",
        &[
            ("credential", Nobody),
            ("grade", Nobody),
            ("outcome", Nobody),
            ("operation", Nobody),
            ("brownout", Nobody),
            ("rule", Nobody),
        ],
    ),
];

#[test]
fn of_every_column_that_may_hold_a_name_somebody_has_decided_what_an_erasure_does() {
    let f = Fixture::new();
    let connection = Connection::open(f.path()).expect("the store");
    let mut statement = connection.prepare(LIST_TEXT_COLUMNS).expect("a statement");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let there: BTreeSet<(String, String)> = rows.collect::<Result<_, _>>().expect("rows");
    let columns =
        FATES.iter().flat_map(|(table, columns)| columns.iter().map(|(column, _)| (table.to_string(), column.to_string())));
    assert_eq!(columns.collect::<BTreeSet<_>>(), there);
}

/// How often the file of the store names somebody.
fn named(f: &Fixture, name: &str) -> usize {
    let bytes = [f.path(), f.path().with_extension("db-wal")].map(|path| fs::read(path).unwrap_or_default()).concat();
    bytes.windows(name.len()).filter(|window| window.eq_ignore_ascii_case(name.as_bytes())).count()
}

#[tokio::test]
async fn labels_of_others_and_whom_reports_are_for_lose_a_name() {
    let f = Fixture::new();
    f.write(|w| {
        w.put_tokens("acme", &[ApiToken { label: "mtessel laptop".to_owned(), ..token("t1", None) }], Missing::Gone, noon())?;
        let key = DeployKey { label: "MTessel".to_owned(), ..deploy_key(7, "web") };
        w.put_deploy_keys("acme", "web", &[key], Missing::Gone, noon())?;
        let message = NewMessage { audience: "owner:mtessel".to_owned(), ..digest(noon(), &["mtessel@example.test"]) };
        w.enqueue(&message, noon())
    })
    .await;
    assert!(named(&f, "mtessel") >= 5);
    let names = BTreeSet::from(["mtessel".to_owned()]);
    let erasure = Erasure::new(Identity::of_names(names, "mtessel"), "erased-1".to_owned());
    let erased = f.write(move |w| w.erase(&erasure, noon())).await;
    assert_eq!((erased.withdrawn, erased.withdrawn_events), (1, 0));
    assert!(f.read(Reader::has_traces).await);
    f.store.leave_no_trace().await.expect("it is written anew");
    assert_eq!(named(&f, "mtessel"), 0);
    let begun = f.read(|r| r.last_occurrence("mail", "owner:erased-1", noon())).await;
    assert_eq!(begun, Some(noon()), "what was made stays made");
}

#[tokio::test]
async fn what_waits_for_programs_is_withdrawn_where_it_names_somebody_and_nowhere_else() {
    let f = Fixture::new();
    let bodies = [r#"{"user":"mtessel"}"#, r#"{"user":"ada"}"#, r#"{"source":"log/egress"}"#];
    f.write(move |w| {
        // In a protocol buffer the tag of what follows a name looks like a part of it.
        let changes =
            NewMessage { channel: OTLP.to_owned(), body: b"\x0a\x07mtessel2\x06\x0a\x04from".into(), ..digest(noon(), &["c"]) };
        w.enqueue(&changes, noon())?;
        for (number, body) in bodies.into_iter().enumerate() {
            let (channel, audience) = ("webhook".to_owned(), format!("event {number}"));
            w.enqueue(&NewMessage { channel, audience, body: body.into(), ..digest(noon(), &["hook"]) }, noon())?;
        }
        Ok(())
    })
    .await;
    let erasure = Erasure::new(Identity::of_names(BTreeSet::from(["mtessel".to_owned()]), "mtessel"), "erased-1".to_owned());
    let erased = f.write(move |w| w.erase(&erasure, noon())).await;
    assert_eq!((erased.withdrawn, erased.withdrawn_events), (0, 2));
    assert_eq!(f.read(|r| r.due_recipients(OTLP, noon(), 9)).await, []);
    let waiting = f.read(|r| r.due_recipients("webhook", noon(), 9)).await;
    let left: Vec<_> = waiting.iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect();
    assert_eq!(left, bodies[1..]);
}

#[tokio::test]
async fn a_name_that_stays_is_told_as_that_of_a_place_or_of_somebody_else() {
    let f = Fixture::new();
    let rights = ["web", "mtessel"].map(|repository| right(repository, "desk:mtessel", Permission::Write));
    f.write(move |w| w.put_permissions("acme", &rights, Missing::Gone, noon())).await;
    let erasure = Erasure::new(Identity::of_names(BTreeSet::from(["mtessel".to_owned()]), "mtessel"), "erased-1".to_owned());
    let erased = f.write(move |w| w.erase(&erasure, noon())).await;
    assert_eq!((erased.names_of_places, erased.names_of_others), (1, 1));
}
