//! Ticks of the loop, by a clock that the test sets.

mod parts;

use std::path::Path;

use jiff::{ToSpan as _, tz::TimeZone};
use tokio::{net::TcpListener, time::timeout};

use super::*;
use crate::{
    analysis::{Policy, Rules},
    daemon::{
        delivery::MAIL,
        options::{Csv, Email, Http, Privacy, Retention, Schedule},
    },
    evidence::{Campaign, ClientCatalogue, NamedNetworks},
    network::Network,
    report::Audience,
    serve::Access,
    store::{NOT_CONFIGURED, NewMessage, Reader, StoreError},
};

/// More than any answer on loopback takes.
const SOON: Duration = Duration::from_secs(30);

const READER: &str = "security@example.test";
const PROGRAM: &str = "http://siem.example.test";

fn noon() -> Timestamp {
    "2026-07-03T12:00:00Z".parse().expect("an instant")
}

/// A service of an organisation that has nothing to read yet, and mails to one reader.
fn options(directory: &Path, server: &str) -> Options {
    let campaign = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    let every = Duration::from_secs(300);
    Options {
        organizations: Vec::new(),
        logs: Vec::new(),
        queries: Vec::new(),
        instance: None,
        exchanges: Vec::new(),
        http: Http { listen: ([127, 0, 0, 1], 0).into(), access: Access::default(), intake: Vec::new() },
        network: Network::default(),
        rules: Arc::new(Rules::builtin().expect("valid rules")),
        catalogue: Arc::new(ClientCatalogue::builtin().expect("a valid catalogue")),
        store: directory.join("duskwatch.db"),
        retention: Retention { raw_days: 30, evidence_days: 400 },
        integrations_per_source: 1_000,
        campaigns: vec![Campaign::parse(campaign).expect("a valid campaign")],
        expiries: Vec::new(),
        schedule: Schedule {
            timezone: TimeZone::UTC,
            audit: every,
            tokens: every,
            access: every,
            logs: every,
            queries: every,
            digest: None,
            brief: None,
            notices: None,
        },
        email: Some(Email {
            server: server.parse().expect("an address"),
            username: None,
            password: None,
            from: "Duskwatch <duskwatch@example.test>".to_owned(),
            contact: READER.to_owned(),
            recipients: vec![(READER.to_owned(), Audience::Security)],
        }),
        waiting_for_mail: 0,
        webhooks: Vec::new(),
        privacy: Privacy::default(),
        csv: Csv { directory: None, keep_days: 30 },
        otel: None,
        top: 20,
        policy: Policy::default(),
        networks: NamedNetworks::new(Vec::new()),
        blind_spots: Vec::new(),
        own_credentials: Vec::new(),
        secrets: Vec::new(),
        manager: None,
        operator: String::new(),
    }
}

fn service(options: Options) -> Service {
    let engine = Arc::new(Engine::open(options).expect("a store"));
    let (served, _) = watch::channel(Arc::default());
    let (doors, _) = watch::channel(Arc::new(Doors { access: Access::default(), intake: None }));
    Service::new(engine, Shown { served, doors }, (Arc::default(), tokio::spawn(async {})), None, noon())
}

/// By a clock that is set back to noon.
fn ahead() -> Timestamp {
    noon() + 3.hours()
}

/// A service with a mail in the outbox, and where its mail server listens.
async fn with_a_mail(now: Timestamp) -> (tempfile::TempDir, TcpListener, Service) {
    let directory = tempfile::tempdir().expect("a directory");
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("smtp+plain://{}", server.local_addr().expect("an address"));
    let service = service(options(directory.path(), &address));
    service.enqueue(now).await;
    (directory, server, service)
}

impl Service {
    /// Puts a mail into the outbox.
    async fn enqueue(&self, now: Timestamp) {
        self.put(MAIL, &Audience::Security.to_string(), READER, now).await;
    }

    /// Puts an event for a program into the outbox.
    async fn tell(&self, now: Timestamp) {
        self.put(WEBHOOK, "status_changed k7m2qd4x 1", PROGRAM, now).await;
    }

    async fn put(&self, channel: &str, audience: &str, recipient: &str, now: Timestamp) {
        let message = NewMessage {
            channel: channel.to_owned(),
            audience: audience.to_owned(),
            occurrence: now,
            message_id: format!("{channel}.1@example.test"),
            subject: "Who still signs in".to_owned(),
            // What a collector is told is no text; nothing at all is a request without events.
            body: if channel == CHANGES { Vec::new() } else { b"Subject: Who still signs in\r\n\r\nNobody.\r\n".to_vec() },
            recipients: vec![recipient.to_owned()],
            late: false,
        };
        self.engine.store.write(move |w| w.enqueue(&message, now)).await.expect("a store that works");
    }

    /// One look, and the end of what programs are told by it.
    async fn look(&mut self, now: Timestamp) {
        self.on(Tick::Reports, now).await;
        self.told().await;
    }

    async fn told(&mut self) {
        while let Some(told) = timeout(SOON, self.telling.join_next()).await.expect("it ends") {
            told.expect("it ends well");
        }
    }

    /// Mails that would be tried at an instant.
    async fn due(&self, at: Timestamp) -> usize {
        let due = move |r: &Reader| Ok(r.due_recipients(MAIL, at, 10)?.len());
        self.engine.store.read(due).await.expect("a store that works")
    }
}

#[tokio::test]
async fn what_is_on_its_way_while_the_clock_is_set_back_does_not_wait_by_the_old_one() {
    let (_directory, server, mut service) = with_a_mail(ahead()).await;

    service.look(ahead()).await;
    let (called, _) = timeout(SOON, server.accept()).await.expect("a mail is tried").expect("a caller");
    service.look(noon()).await;
    drop(called);
    service.sending.join_next().await.expect("the mail was on its way").expect("it ends well");
    assert_eq!(service.due(noon() + 2.hours()).await, 0, "its pause is one of the clock that was ahead");

    service.look(noon() + 20.seconds()).await;
    timeout(SOON, server.accept()).await.expect("it is tried at once").expect("a caller");
    service.sending.join_next().await.expect("the mail was on its way").expect("it ends well");
    assert_eq!(service.due(noon() + 21.seconds()).await, 0, "it waits");
    service.look(noon() + 40.seconds()).await;
    assert_eq!(service.due(noon() + 41.seconds()).await, 0, "and is hurried once");
    assert_eq!(service.due(noon() + 2.hours()).await, 1, "by the clock that is right");
}

#[tokio::test]
async fn nothing_leaves_after_the_clock_was_set_back_before_what_was_on_its_way_has_ended() {
    let (_directory, server, mut service) = with_a_mail(ahead()).await;
    service.look(ahead()).await;
    drop(timeout(SOON, server.accept()).await.expect("a mail is tried").expect("a caller"));
    service.sending.join_next().await.expect("the mail was on its way").expect("it ends well");

    let answered = Arc::new(Notify::new());
    let slow = Arc::clone(&answered);
    service.telling.spawn(async move { slow.notified().await });
    service.on(Tick::Reports, noon()).await;
    assert!(service.sending.is_empty());
    assert_eq!(service.due(noon()).await, 1, "whoever starts anew finds it due");
    answered.notify_one();
    service.told().await;

    service.look(noon() + 20.seconds()).await;
    timeout(SOON, server.accept()).await.expect("it is tried").expect("a caller");
}

#[tokio::test]
async fn what_waits_for_whom_the_configuration_names_no_more_is_withdrawn() {
    for has_server in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut options = options(directory.path(), "smtp+plain://127.0.0.1:1");
        // Who reads the brief now is not sent the digest.
        options.email.as_mut().expect("a mail server").recipients[0].1 = Audience::Leadership;
        options.email = options.email.filter(|_| has_server);
        let mut service = service(options);
        service.enqueue(noon()).await;
        for number in 1..=3 {
            service.put(WEBHOOK, &format!("status_changed k7m2qd4x {number}"), PROGRAM, noon()).await;
        }
        service.put(CHANGES, "changes from 1 on", "collector", noon()).await;

        service.on(Tick::Reports, noon()).await;
        for sending in [&mut service.sending, &mut service.telling] {
            timeout(SOON, sending.join_next()).await.expect("it ends").expect("something waited").expect("it ends well");
        }
        let ended = |r: &Reader| Ok((r.given_up(Timestamp::UNIX_EPOCH, noon(), 10)?, r.outbox_summary()?));
        let (withdrawn, outbox) = service.engine.store.read(ended).await.expect("a store that works");
        let why: Vec<_> = withdrawn.iter().map(|row| row.failure.as_str()).collect();
        assert_eq!(why, [NOT_CONFIGURED; 5]);
        let counted: Vec<_> = outbox.settled.iter().filter(|of| of.sent + of.undeliverable > 0).collect();
        assert!(counted.is_empty(), "nothing failed: {counted:?}");
        assert_eq!(service.engine.failing_parts().len(), 0, "nothing waits");
    }
}

#[tokio::test]
async fn whose_address_is_written_otherwise_now_is_still_written_to() {
    let (_directory, server, mut service) = with_a_mail(noon()).await;
    service.put(MAIL, "alarms", &format!("Security <{}>", READER.to_uppercase()), noon()).await;
    // It hangs up on everybody.
    let hangs_up = tokio::spawn(async move { while server.accept().await.is_ok() {} });
    service.on(Tick::Reports, noon()).await;
    let sent = timeout(SOON, service.sending.join_next()).await.expect("it ends");
    sent.expect("mails were on their way").expect("it ends well");
    hangs_up.abort();
    assert_eq!(service.due(noon() + 2.hours()).await, 2, "both wait");
}

#[tokio::test]
async fn a_digest_that_leaves_late_makes_no_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = options(directory.path(), "smtp+plain://127.0.0.1:1");
    options.schedule.digest = Some("10 12 * * *".to_owned());
    let mut service = service(options);
    service.engine.begin_schedules(noon()).await.expect("a store that works");
    let made_at = |service: &Service| service.served.borrow().document.as_ref().expect("a page").made_at;

    service.look(noon()).await;
    assert_eq!((service.due(noon() + 50.minutes()).await, made_at(&service)), (0, noon()));
    service.look(noon() + 50.minutes()).await;
    assert_eq!((service.due(noon() + 50.minutes()).await, made_at(&service)), (1, noon()));
    service.look(noon() + 1.hour()).await;
    assert_eq!(made_at(&service), noon() + 1.hour());
}

#[tokio::test]
async fn a_store_that_fails_names_no_part_that_is_not_configured() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = service(options(directory.path(), "smtp+plain://127.0.0.1:1"));
    let full = || Err(StoreError::Full.into());
    service.engine.note_sent(WEBHOOK, WEBHOOK, full(), noon()).await;
    service.engine.note_sent(EXPORT_OF_CHANGES, CHANGES, full(), noon()).await;
    assert_eq!(service.engine.failing_parts().len(), 0, "nobody is told anything");
    service.engine.note_sent(OUTBOX, MAIL, full(), noon()).await;
    let failing = service.engine.failing_parts();
    assert!(failing.len() == 1 && format!("{failing:?}").contains("without it: outbox"), "{failing:?}");
}

#[tokio::test]
async fn a_store_that_serves_some_and_fails_others_stands_in_what_leaves_meanwhile() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = service(options(directory.path(), "smtp+plain://127.0.0.1:1"));
    service.engine.note_store("intake/proxy", Some(&StoreError::Full), noon());
    let letter = service.engine.judge(noon()).await.expect("a store that works").letter(&Audience::Security);
    let text = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("store is failing since 3 Jul 2026 12:00 UTC: "), "{text}");
    assert!(text.contains("the disk of the store is full; without it: intake/proxy"), "{text}");
}
