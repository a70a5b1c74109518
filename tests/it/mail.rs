//! Mail as it leaves: who gets what, once, and what happens when a server does not take it.

use std::{collections::BTreeSet, fs, sync::Arc};

use duskwatch::{
    daemon::{self, Engine},
    report::{Audience, status},
    simulator::ServeOptions,
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use crate::exchange::party::{EAST, WEST};
use crate::honesty::Looked;
use crate::support::{
    NOW, Site, at, integrations,
    program::duskwatch,
    small_world,
    smtp::{Arrived, MailServer},
};

const SECURITY: &str = "security@example.test";
const BOARD: &str = "board@example.test";

/// A polled organisation whose mail goes to a server of the test.
async fn site(server: &MailServer) -> (Site, Arc<Engine>) {
    let site = Site::grown(&small_world(3, at(NOW), 30), ServeOptions::default()).await;
    let recipient = |address, audience| format!("[[email.recipient]]\naddress = {address:?}\naudience = {audience:?}\n");
    let email = format!(
        "[schedule]\nnotices = \"0 9 * * *\"\n[email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n\
         contact = {SECURITY:?}\n{}{}",
        server.url,
        recipient(SECURITY, "security"),
        recipient(BOARD, "leadership")
    );
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + &email).unwrap();
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    (site, engine)
}

async fn send(engine: &Engine, audience: Option<&Audience>, now: Timestamp) {
    for sent in engine.send_now(audience, now).await.unwrap() {
        assert_eq!(sent.problem(), None, "{sent}");
    }
}

fn owners(mails: &[Arrived]) -> Vec<&str> {
    mails.iter().map(|mail| mail.to.as_str()).filter(|to| ![SECURITY, BOARD].contains(to)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_owner_with_something_to_do_is_told_of_it_alone_and_once_a_week() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    let report = site.report(&engine, at(NOW)).await;
    let ranked: Vec<&Value> = integrations(&report).iter().filter(|row| !row["rank"].is_null()).collect();
    let told: BTreeSet<&str> = ranked.iter().filter_map(|row| row["owner"].as_str()).filter(|owner| !owner.is_empty()).collect();
    assert!(told.len() > 1, "{told:?}");

    send(&engine, None, at(NOW)).await;
    let mails = server.take();
    let addresses = |name: &&&str| site.world.owners().iter().find(|owner| owner.name == **name).unwrap().email.clone();
    let mut expected: Vec<String> = told.iter().map(|name| addresses(&name)).collect();
    expected.sort();
    assert_eq!(owners(&mails), expected);
    for name in &told {
        let mail = mails.iter().find(|mail| mail.to == addresses(&name)).unwrap();
        for row in &ranked {
            let id = row["integration"].as_str().unwrap();
            assert_eq!(mail.text.contains(id), row["owner"] == *name, "{id} to {name}");
        }
        assert_eq!(mail.header("To"), Some(mail.to.clone()));
        assert_eq!(mail.header("Reply-To").as_deref(), Some(SECURITY));
        let unsubscribe = "<mailto:security@example.test?subject=unsubscribe%20duskwatch-notice.example.test>";
        assert_eq!(mail.header("List-Unsubscribe").as_deref(), Some(unsubscribe));
    }

    // A restart forgets nothing.
    let engine = site.engine();
    send(&engine, None, at(NOW) + 1.hour()).await;
    assert_eq!(owners(&server.take()), Vec::<&str>::new());
    send(&engine, None, at(NOW) + (7 * 24).hours()).await;
    assert!(!owners(&server.take()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notice_of_one_owner_is_what_report_and_send_show() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    let owner = engine.judge(at(NOW)).await.unwrap().busiest_owner().unwrap();
    let audience = format!("owner:{owner}");
    let shown = duskwatch(&site, &["report", "--audience", &audience]);
    assert!(shown.out.starts_with("DUSKWATCH NOTICE TO "), "{shown:#?}");
    let dry = duskwatch(&site, &["send", "--audience", &audience, "--dry-run"]);
    assert_eq!((dry.status, server.take().len()), (0, 0), "{dry:#?}");
    assert!(dry.out.contains("To: ") && dry.err.starts_with(&audience), "{dry:#?}");
    let all = duskwatch(&site, &["send", "--dry-run"]);
    assert_eq!(all.out.matches("\nFrom duskwatch ").count() + 1, all.err.lines().filter(|line| line.contains(": ")).count());

    send(&engine, Some(&Audience::Owner(owner)), at(NOW)).await;
    let mails = server.take();
    assert_eq!(mails.len(), 1);
    assert_eq!(duskwatch(&site, &["send", "--audience", "owner:nobody"]).status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_with_one_sender_send_two_mails_and_what_waits_keeps_its_id() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    let unnamed = fs::read_to_string(site.config()).unwrap();
    server.refuse(&[(SECURITY, "451 4.2.0 come back later")]);
    engine.send_now(Some(&Audience::Security), at(NOW)).await.unwrap();
    server.refuse(&[]);
    drop(engine);
    let mut ids = Vec::new();
    for (signer, later) in [(WEST, 2), (EAST, 12)] {
        let section = signer.section().replace("{dir}", &site.config().parent().unwrap().display().to_string());
        fs::write(site.config().with_file_name(format!("{}.pem", signer.name)), signer.key).unwrap();
        fs::write(site.config(), format!("{unnamed}{section}")).unwrap();
        let engine = site.engine();
        engine.send_waiting(at(NOW) + later.hours()).await.unwrap();
        send(&engine, Some(&Audience::Security), at(NOW) + 24.hours()).await;
        ids.extend(server.take().into_iter().map(|mail| mail.header("Message-ID").unwrap()));
        let brief = engine.preview(Some(&Audience::Leadership), at(NOW)).await.unwrap().remove(0);
        let own = format!("\r\nMessage-ID: <duskwatch.leadership.1783062000.{}@example.test>\r\n", signer.name);
        assert!(String::from_utf8(brief.mime).unwrap().contains(&own), "{own}");
    }
    let expected = ["<duskwatch.security.1783062000@example.test>", "<duskwatch.security.1783148400.west@example.test>"];
    assert_eq!(ids, expected, "what was enqueued once is not enqueued again under another id");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_stops_nobody_else_and_what_leaves_late_says_so() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    let text = fs::read_to_string(site.config()).unwrap();
    let second = "[[email.recipient]]\naddress = \"second@example.test\"\naudience = \"security\"\n";
    fs::write(site.config(), text + second).unwrap();
    drop(engine);
    let engine = site.engine();
    server.refuse(&[(SECURITY, "451 4.2.0 come back later")]);
    let sent = engine.send_now(Some(&Audience::Security), at(NOW)).await.unwrap();
    assert!(sent[0].problem().is_some_and(|words| words.contains("come back later")), "{sent:?}");
    let first = server.take();
    assert_eq!(first.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["second@example.test"]);

    let status = duskwatch(&site, &["status"]);
    let waits = status.out.lines().find(|line| line.contains("mail to security@example.test, 1 waiting: ")).unwrap();
    assert!(waits.ends_with("come back later"), "{status:#?}");

    server.refuse(&[]);
    engine.send_waiting(at(NOW) + 2.hours()).await.unwrap();
    let late = server.take();
    assert_eq!(late.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [SECURITY]);
    assert_eq!(late[0].header("Message-ID"), first[0].header("Message-ID"), "the same mail");
    assert!(late[0].header("Subject").unwrap().ends_with("(late: due 3 Jul 07:00 UTC)"), "{:?}", late[0].header("Subject"));
    assert!(!first[0].header("Subject").unwrap().contains("late"));
    engine.send_waiting(at(NOW) + 20.hours()).await.unwrap();
    assert_eq!(server.take().len(), 0, "once per recipient");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_for_good_is_given_up_and_the_next_digest_says_so() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    server.refuse(&[(BOARD, "550 5.1.1 no such user")]);
    let sent = engine.send_now(Some(&Audience::Leadership), at(NOW)).await.unwrap();
    assert!(sent[0].problem().is_some_and(|words| words.contains("no such user")), "{sent:?}");
    engine.send_waiting(at(NOW) + 10.hours()).await.unwrap();
    assert_eq!(server.take().len(), 0, "it is not tried again");
    let screen = status::text(&daemon::status(site.options(), at(NOW) + 1.minute()).await.unwrap(), 120);
    let (to_whom, why) = (format!("mail to {BOARD}, due on 3 Jul 2026 07:00 UTC, given up:"), "(550): 5.1.1 no such user");
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&to_whom) && words.contains(why), "{screen}");
    let looked = Looked::at(&engine, &engine.judge(at(NOW) + 1.minute()).await.unwrap()).await;
    for name in ["the digest", "the digest in HTML", "the page"] {
        let (_, document) = looked.documents.iter().find(|(known, _)| *known == name).unwrap();
        let told = document.contains("The brief that was due on 3 Jul 2026 07:00 UTC") && document.contains("no such user");
        assert!(told && !document.contains(BOARD), "{name}: {document}");
    }
    let failed = "duskwatch_deliveries_total{channel=\"mail\",outcome=\"failed\"} 1\n";
    assert!(looked.metrics.contains(failed), "{}", looked.metrics);

    let now = at(NOW) + 24.hours();
    send(&engine, Some(&Audience::Security), now).await;
    let digest = server.take().remove(0);
    assert!(digest.text.contains("NOT DELIVERED: The brief that was due on 3 Jul 2026 07:00 UTC"), "{}", digest.text);
    assert!(digest.text.contains("no such user") && !digest.text.contains(BOARD));
    let report = site.report(&engine, now + 1.hour()).await;
    assert_eq!(report["undelivered"], serde_json::json!([]), "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_sent() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    server.refuse(&[(SECURITY, "451 4.2.0 come back later")]);
    engine.send_now(Some(&Audience::Security), at(NOW)).await.unwrap();
    server.refuse(&[]);
    let database = rusqlite::Connection::open(site.store()).unwrap();
    database.execute_batch(include_str!("../data/faults/refuse_attempts.sql")).unwrap();
    for minutes in [60, 61] {
        let refused = engine.send_waiting(at(NOW) + minutes.minutes()).await.unwrap_err();
        assert!(refused.to_string().contains("no room"), "{refused:#}");
    }
    assert_eq!(server.take().len(), 0, "it would arrive with every attempt");
    database.execute_batch(include_str!("../data/faults/accept_attempts.sql")).unwrap();
    engine.send_waiting(at(NOW) + 62.minutes()).await.unwrap();
    engine.send_waiting(at(NOW) + 2.hours()).await.unwrap();
    assert_eq!(server.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_no_server_takes_is_not_said_to_be_on_its_way() {
    let site = Site::grown(&small_world(3, at(NOW), 5), ServeOptions::default()).await;
    site.poll(&site.engine(), at(NOW)).await;
    let audience = format!("owner:{}", site.world.owners()[0].name);
    let sent = duskwatch(&site, &["send", "--audience", &audience]);
    assert_eq!(sent.status, 78, "{sent:#?}");
    assert!(sent.err.contains("no mail server is configured") && !sent.out.contains("outbox"), "{sent:#?}");
    let digest = duskwatch(&site, &["send", "--audience", "security"]);
    assert_eq!(digest.status, 0, "a package is something: {digest:#?}");
    assert!(digest.out.contains("the CSV package was written"), "it is written all the same: {digest:#?}");
    assert!(digest.out.contains("security: nobody receives this report, since no mail server is configured"), "{digest:#?}");
    let text = fs::read_to_string(site.config()).unwrap();
    let recipient = format!("[[email.recipient]]\naddress = {SECURITY:?}\naudience = \"security\"\n");
    fs::write(site.config(), text + &recipient).unwrap();
    let checked = duskwatch(&site, &["check", "--offline"]);
    assert!(checked.out.contains("1 recipient waits for mail, and no mail server is configured"), "{checked:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_nobody_belongs_to_is_said_to_have_no_recipient_beside_the_others() {
    let server = MailServer::start().await;
    let (site, engine) = site(&server).await;
    drop(engine);
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace("audience = \"leadership\"", "audience = \"security\"")).unwrap();
    let sent = duskwatch(&site, &["send"]);
    assert_eq!(sent.status, 0, "{sent:#?}");
    let line = "leadership: nobody receives this report, since no [[email.recipient]] has audience = \"leadership\"";
    assert!(sent.out.lines().any(|said| said == line), "{sent:#?}");
    assert!(server.take().iter().any(|mail| mail.to == BOARD));
}
