//! Changes of status, as they are recorded and as a collector of OpenTelemetry is told of them.

use std::{
    collections::BTreeSet,
    fs,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};

use data_encoding::BASE64;
use duskwatch::{
    daemon::Engine,
    deliver::otel::Exporter,
    simulator::ServeOptions,
    store::{Reader, Store},
};
use jiff::{Timestamp, ToSpan as _};
use rusqlite::Connection;

use crate::support::{
    NOW, Site, at,
    collector::{Collector, Manner},
    hooks::{self, Hooks},
    small_world,
};

/// A sender's request about a few people of whom nothing was known.
const FIRST: [&str; 2] = ["mona", "ada"];
const SECOND: [&str; 1] = ["zoe"];

/// A service to which evidence is pushed, and that tells a collector what has changed.
struct Told {
    site: Site,
    engine: Arc<Engine>,
    collector: Collector,
    exporter: Exporter,
    hooks: Hooks,
}

impl Told {
    async fn new() -> Self {
        let (site, collector) = (Site::new(&small_world(9, at(NOW), 5), ServeOptions::default()).await, Collector::start().await);
        fs::write(site.path("ci.token"), "J8tWv0sLq2cY5hXn").unwrap();
        let text = fs::read_to_string(site.config()).unwrap();
        let hooks = Hooks::start().await;
        fs::write(site.path("hook.secret"), format!("whsec_{}", BASE64.encode(&[7; 32]))).unwrap();
        let [token, secret] = ["ci.token", "hook.secret"].map(|name| site.path(name).display().to_string());
        let more = format!(
            "[[http.intake]]\nname = \"ci\"\ntoken = \"file:{token}\"\n[otel]\nendpoint = {:?}\n\
             [[webhook]]\nurl = \"{}/hook\"\nsecret = \"file:{secret}\"\n",
            collector.url, hooks.url
        );
        fs::write(site.config(), text + &more).unwrap();
        let engine = site.engine();
        let exporter = engine.start_exporter().unwrap().unwrap();
        Self { site, engine, collector, exporter, hooks }
    }

    async fn push(&self, users: &[&str], now: Timestamp) {
        self.push_as(users, now, 200).await;
    }

    async fn push_as(&self, users: &[&str], now: Timestamp, status: u16) {
        let line = |user: &&str| {
            format!(
                "{{\"event_id\":\"{user} {now}\",\"time\":\"{now}\",\"username\":\"{user}\",\"secret_prefix\":\"ATBB\",\"status\":{status},\
                 \"host\":\"bitbucket.org\",\"path\":\"/acme/pushed.git/info/refs\"}}\n"
            )
        };
        let lines: String = users.iter().map(line).collect();
        let mut senders = self.engine.senders().await.unwrap();
        let receipt = self.engine.record_push(&mut senders, 0, lines.into_bytes(), now).await.unwrap();
        assert_eq!(receipt.recorded, users.len() as u64);
    }

    /// What the collector was told since it was asked last: the integration of each change, in order.
    async fn told(&self, now: Timestamp) -> Vec<String> {
        self.engine.send_changes(Some(&self.exporter), now).await.unwrap();
        let records = self.collector.take().into_iter().flat_map(|post| post.records());
        let integration = |attributes: Vec<_>| attributes.into_iter().find_map(integration_of).unwrap();
        records.map(|record| integration(record.attributes)).collect()
    }

    /// The integration of each change that was recorded.
    async fn recorded(&self) -> Vec<String> {
        let changes = Store::open_read_only(&self.site.store()).unwrap().read(Reader::changes).await.unwrap();
        changes.into_iter().map(|change| change.integration).collect()
    }
}

fn integration_of(attribute: opentelemetry_proto::tonic::common::v1::KeyValue) -> Option<String> {
    let is_it = attribute.key == "integration";
    is_it.then(|| format!("{:?}", attribute.value.unwrap().value.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_judgements_of_one_instant_find_is_told_both() {
    let (told, now) = (Told::new().await, at(NOW));
    told.push(&FIRST, now).await;
    told.engine.judge(now).await.unwrap();
    // A report is due, and a round has ended meanwhile.
    told.push(&SECOND, now).await;
    told.engine.judge(now).await.unwrap();
    assert_eq!(told.recorded().await.len(), 3);
    let heard: BTreeSet<String> = told.told(now).await.into_iter().collect();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert_eq!(told.told(now.checked_add(1.hour()).unwrap()).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_changes_twice_in_one_instant_is_told_twice() {
    // Between two brownouts.
    let (told, now) = (Told::new().await, at("2026-07-03T11:00:00Z"));
    let ago = |minutes: i64| now.checked_sub(minutes.minutes()).unwrap();
    told.push(&["mona"], ago(30)).await;
    told.engine.judge(ago(30)).await.unwrap();
    told.push_as(&["mona"], ago(20), 401).await;
    told.engine.judge(now).await.unwrap();
    told.push(&["mona"], ago(10)).await;
    told.engine.judge(now).await.unwrap();
    told.engine.send_events(now, now).await.unwrap();
    let heard: Vec<_> = told.hooks.take().iter().map(|event| event.body["data"]["to"].clone()).collect();
    assert_eq!(heard, ["failing", "active"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_recorded_once_though_a_command_judges_beside_the_service() {
    let (told, now) = (Told::new().await, at(NOW));
    let command = told.site.engine();
    for (number, user) in ["mona", "ada", "zoe", "mira"].into_iter().enumerate() {
        told.push(&[user], now).await;
        let (beside, own) = tokio::join!(command.judge(now.checked_add(1.second()).unwrap()), told.engine.judge(now));
        assert!(beside.is_ok() && own.is_ok());
        let recorded = told.recorded().await;
        let once: BTreeSet<&String> = recorded.iter().collect();
        assert_eq!((recorded.len(), once.len()), (number + 1, number + 1), "{recorded:?}");
    }
    assert_eq!(told.told(now.checked_add(1.minute()).unwrap()).await.len(), 4);
}

/// Goes on with it step by step, and lets something happen before each.
async fn disturbed<F: Future>(future: F, happens: impl Fn()) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        happens();
        future.as_mut().poll(context)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_each_time_that_others_have_judged_meanwhile_gives_up_and_records_nothing() {
    let (told, now) = (Told::new().await, at(NOW));
    told.push(&FIRST, now).await;
    told.engine.judge(now).await.unwrap();
    told.push(&SECOND, now).await;
    let others = Connection::open(told.site.store()).unwrap();
    let judge = || assert_eq!(others.execute(include_str!("../data/faults/add_change.sql"), []), Ok(1));
    let judged = disturbed(told.engine.judge(now), judge).await.map(drop);
    let reclassified = disturbed(told.engine.reclassify(now, |_| ()), judge).await.map(drop);
    for given_up in [judged, reclassified] {
        assert_eq!(given_up.unwrap_err().to_string(), "others judge again and again: end the commands that do");
    }
    let recorded = told.recorded().await.into_iter().collect::<BTreeSet<_>>();
    assert_eq!((recorded.len(), told.told(now).await.len()), (FIRST.len(), FIRST.len()));
    // They have ended, and what was found is recorded.
    told.engine.judge(now).await.unwrap();
    assert_eq!(told.told(now.checked_add(1.minute()).unwrap()).await.len(), SECOND.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_otherwise_by_new_rules_is_told_as_well() {
    let (told, now) = (Told::new().await, at(NOW));
    told.push(&FIRST, now).await;
    told.engine.judge(now).await.unwrap();
    assert_eq!(told.told(now).await.len(), 2);
    let rules = told.site.path("rules.toml");
    let other = "[[before]]\nid = \"other\"\nreason = \"this prefix is another system's\"\nwhen = { secret_prefix = \"ATBB\" }\n\
        credential = \"account_password\"\ngrade = \"weak\"\n";
    fs::write(&rules, other).unwrap();
    let text = fs::read_to_string(told.site.config()).unwrap();
    fs::write(told.site.config(), format!("{text}[rules]\nfile = {:?}\n", rules.display().to_string())).unwrap();
    let later = now.checked_add(1.minute()).unwrap();
    told.site.engine().reclassify(later, |_| ()).await.unwrap();
    assert_eq!(told.told(later).await.len(), 2);
    assert_eq!(told.recorded().await.len(), 4);
    // Nothing is left of the campaign, and that is said once.
    told.site.engine().judge(later).await.unwrap();
    assert_eq!((told.told(later).await.len(), told.recorded().await.len()), (0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_took_in_part_is_not_brought_again() {
    let (told, now) = (Told::new().await, at(NOW));
    told.push(&FIRST, now).await;
    told.engine.judge(now).await.unwrap();
    told.collector.behave(Manner::DropsOne);
    assert_eq!(told.told(now).await.len(), 2);
    for hours in [1, 4, 12, 30] {
        assert_eq!(told.told(now.checked_add(hours.hours()).unwrap()).await, Vec::<String>::new());
    }
    let lost = move |r: &Reader| r.given_up(Timestamp::UNIX_EPOCH, now, 9);
    let lost = Store::open_read_only(&told.site.store()).unwrap().read(lost).await.unwrap();
    let told_as = lost.iter().map(|message| (message.channel.as_str(), message.subject.as_str(), message.failure.as_str()));
    assert_eq!(
        told_as.collect::<Vec<_>>(),
        [("otlp", "2 changes of status", "the collector dropped 1 of them: one of them is too old")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_refuses_waits_for_it() {
    let (told, now) = (Told::new().await, at(NOW));
    told.push(&FIRST, now).await;
    told.engine.judge(now).await.unwrap();
    told.collector.behave(Manner::Refuses("401 Unauthorized"));
    assert_eq!(told.told(now).await.len(), 2);
    told.collector.behave(Manner::Takes);
    assert_eq!(told.told(now).await, Vec::<String>::new(), "it rests");
    assert_eq!(told.told(now.checked_add(2.minutes()).unwrap()).await.len(), 2);
}

/// A service of which everybody has still to be told that an integration was refused and is in use again, and when that is.
async fn with_two_changes() -> (Told, Timestamp) {
    // Between two brownouts.
    let (told, now) = (Told::new().await, at("2026-07-03T11:00:00Z"));
    let ago = |minutes: i64| now.checked_sub(minutes.minutes()).unwrap();
    told.push(&["mona"], ago(30)).await;
    told.engine.judge(ago(30)).await.unwrap();
    assert_eq!(told.told(ago(30)).await.len(), 1, "it is discovered, which programs are not told");
    told.push_as(&["mona"], ago(20), 401).await;
    told.engine.judge(now).await.unwrap();
    told.push(&["mona"], ago(10)).await;
    told.engine.judge(now).await.unwrap();
    (told, now)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_be_left_alone_is_asked_again_when_that_time_is_over() {
    let (told, now) = with_two_changes().await;
    let after = |minutes: i64| now.checked_add(minutes.minutes()).unwrap();
    told.collector.behave(Manner::Rests(7_200));
    told.hooks.behave(hooks::Manner::Rests(7_200));
    let sent = told.engine.send_events(now, now).await.unwrap();
    assert_eq!((told.told(now).await.len(), sent.waiting.len()), (1, 2), "who rests is not asked again at once");
    told.collector.behave(Manner::Takes);
    told.hooks.behave(hooks::Manner::Takes);
    told.engine.send_events(after(119), after(119)).await.unwrap();
    assert_eq!((told.told(after(119)).await.len(), told.hooks.take().len()), (0, 0), "nor for what else waits");
    told.engine.send_events(after(121), after(121)).await.unwrap();
    assert_eq!((told.told(after(121)).await.len(), told.hooks.take().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_be_left_alone_for_days_is_asked_again_the_same_day() {
    let (told, now) = with_two_changes().await;
    told.hooks.behave(hooks::Manner::Rests(7 * 86_400));
    told.engine.send_events(now, now).await.unwrap();
    told.hooks.behave(hooks::Manner::Takes);
    let later = now.checked_add(481.minutes()).unwrap();
    told.engine.send_events(later, later).await.unwrap();
    assert_eq!(told.hooks.take().len(), 2);
}
