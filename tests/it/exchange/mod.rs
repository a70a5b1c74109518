//! Several instances, one report: what some count and hand over in signed files is what one that reads everything counts.

mod order;
pub mod party;
mod people;
mod refused;

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use duskwatch::{
    clock::Clock,
    config::{self, Secrets},
    daemon::{Extent, RegisterKind, check},
    evidence::Roster,
    simulator::ServeOptions,
};

use crate::{
    honesty::{Looked, said_of},
    support::{NOW, Site, at, file_name, files, small_world},
};
use party::{EAST, Party, WEST, exchanges};

/// Logs of the simulated organisation by the instance that reads them.
const WESTERN: [&str; 1] = ["egress-inspected"];

/// The names of all logs but the western ones.
fn eastern(site: &Site) -> Vec<String> {
    let logs = party::logs(site);
    logs.into_iter().filter(|log| !WESTERN.contains(&log.as_str())).collect()
}

/// Two instances that each read a part of an organisation's logs; one polls its APIs, too.
async fn two(site: &Site) -> (Party, Party) {
    let west = Party::new(site, &WESTERN.map(str::to_owned), true, &WEST.section());
    let east = Party::new(site, &eastern(site), false, &EAST.section());
    west.poll(NOW).await;
    east.poll(NOW).await;
    (west, east)
}

/// The files of a package by name, with the sources' own names and without what is only here or there.
fn package(directory: &Path) -> BTreeMap<String, Vec<String>> {
    let named = files(directory).into_iter().filter(|path| !["journal.csv", "datapackage.json"].contains(&file_name(path)));
    let lines = |text: String| {
        let own = |line: &&str| !line.starts_with("exchange/west,") && !line.starts_with("exchange/east,");
        let plain = |line: &str| line.replace("exchange/west/", "").replace("exchange/east/", "");
        let mut lines: Vec<String> = text.lines().filter(own).map(plain).collect();
        lines.sort();
        lines
    };
    named.map(|path| (file_name(&path).to_owned(), lines(fs::read_to_string(&path).unwrap()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_and_a_reporter_say_what_one_says_that_reads_everything() {
    let site = Site::grown(&small_world(41, at(NOW), 40), ServeOptions::default()).await;
    let all = Party::new(&site, &party::logs(&site), true, "");
    all.poll(NOW).await;
    let (west, east) = two(&site).await;
    let reporter = Party::new(&site, &[], false, &exchanges("36h"));
    for file in [west.hand_over(None, NOW).await, east.hand_over(None, NOW).await] {
        let imported = reporter.take(&file, NOW).await.unwrap();
        assert!(imported.items > 100 && imported.repeated == 0, "{imported:?}");
    }
    let (expected, found) = (package(&all.package(NOW).await), package(&reporter.package(NOW).await));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, lines) in &expected {
        let missing: Vec<_> = lines.iter().filter(|line| !found[name].contains(line)).take(5).collect();
        let surplus: Vec<_> = found[name].iter().filter(|line| !lines.contains(line)).take(5).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{name}: missing {missing:#?}, surplus {surplus:#?}");
    }
    let rows = expected["integrations.csv"].len();
    assert!(rows > 10, "there is something to compare: {rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_late_or_was_never_heard_is_said_to_be() {
    let site = Site::grown(&small_world(42, at(NOW), 10), ServeOptions::default()).await;
    let west = Party::new(&site, &WESTERN.map(str::to_owned), false, &WEST.section());
    west.poll(NOW).await;
    let reporter = Party::new(&site, &[], false, &exchanges("36h"));
    let not_ready = |now| {
        let engine = reporter.engine();
        async move { engine.readiness(at(now)).await.not_ready }
    };
    assert_eq!(
        not_ready(NOW).await,
        ["exchange/west: no file of it was ever taken in", "exchange/east: no file of it was ever taken in"]
    );
    let file = west.hand_over(None, NOW).await;
    // Whether the group reads it is also up to the machine.
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o737, 0o600);
    reporter.take(&file, NOW).await.unwrap();
    assert_eq!(not_ready(NOW).await, ["exchange/east: no file of it was ever taken in"]);
    let states = |now| {
        let engine = reporter.engine();
        async move {
            let report: serde_json::Value = serde_json::from_str(&engine.judge(at(now)).await.unwrap().json()).unwrap();
            let sources = report["coverage"]["sources"].as_array().unwrap().clone();
            sources
                .iter()
                .map(|row| {
                    let [source, state, why] = ["source", "state", "failure"].map(|field| row[field].as_str().unwrap());
                    format!("{source} {state} {}", why.split(':').next().unwrap()).trim_end().to_owned()
                })
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(
        states(NOW).await,
        [
            "exchange/west reading",
            "exchange/east never_read no file of it was ever taken in",
            "exchange/west/log/egress-inspected reading"
        ]
    );
    let looked = async |now| {
        let engine = reporter.engine();
        Looked::at(&engine, &engine.judge(at(now)).await.unwrap()).await
    };
    let last = format!("duskwatch_source_last_success_time_seconds{{source=\"exchange/west\"}} {}\n", at(NOW).as_second());
    let assert_told = |looked: &Looked, is_late: bool| {
        for (name, document) in &looked.documents {
            let [west, east] = ["exchange/west", "exchange/east"].map(|source| said_of(document, source));
            let late = west.iter().any(|said| said.contains("no newer file came") && said.contains("3 Jul 2026 07:00 UTC"));
            assert_eq!(late, is_late, "{name}: {west:#?}");
            assert!(east.iter().any(|said| said.contains("no file of it was ever taken in")), "{name}: {east:#?}");
        }
        assert!(looked.metrics.contains(&last), "{last} is not in {}", looked.metrics);
        assert!(!looked.metrics.contains("duskwatch_source_last_success_time_seconds{source=\"exchange/east\"}"));
        assert_eq!(looked.status, 503);
    };
    assert_told(&looked(NOW).await, false);
    let checked = async |now| {
        let options = config::load(&reporter.config(), Secrets::Needed).unwrap();
        let findings = check(&options, Extent::Offline, Clock::Fixed(at(now))).await;
        let of_exchange = findings.iter().filter(|finding| finding.part == "exchange");
        of_exchange.map(|finding| format!("{} {}: {}", finding.state, finding.name, finding.found)).collect::<Vec<_>>()
    };
    let never = "warning east: no file of it was taken in yet";
    assert_eq!(checked(NOW).await, ["ok west: its newest file was written at 2026-07-03T07:00:00Z", never]);
    // A day and a half is allowed.
    let late = "2026-07-04T19:00:01Z";
    assert_eq!(not_ready("2026-07-04T19:00:00Z").await.len(), 1);
    let looked = looked(late).await;
    assert_told(&looked, true);
    let lag = "duskwatch_source_lag_seconds{source=\"exchange/west\"} 129601\n";
    assert!(looked.metrics.contains(lag), "{lag} is not in {}", looked.metrics);
    assert_eq!(not_ready(late).await[0], "exchange/west: its newest file was written at 2026-07-03T07:00:00Z");
    assert_eq!(checked(late).await, ["warning west: its newest file was written at 2026-07-03T07:00:00Z", never]);
    assert_eq!(
        states(late).await,
        [
            "exchange/west behind no newer file came",
            "exchange/east never_read no file of it was ever taken in",
            "exchange/west/log/egress-inspected behind"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_several_instances_are_one_and_each_file_replaces_its_own() {
    let site = Site::grown(&small_world(48, at(NOW), 5), ServeOptions::default()).await;
    // Both poll one organisation, and so does the reporter: nobody and nothing is there twice.
    let west = Party::new(&site, &[], true, &WEST.section());
    let east = Party::new(&site, &[], true, &EAST.section());
    let reporter = Party::new(&site, &[], true, &exchanges("36h"));
    for party in [&west, &east, &reporter] {
        party.poll(NOW).await;
    }
    let alone = reporter.roster(NOW).await;
    assert!(alone.members.len() > 5 && alone.permissions.len() > 5 && !alone.tokens.is_empty());
    for party in [&west, &east] {
        reporter.take(&party.hand_over(None, NOW).await, NOW).await.unwrap();
    }
    assert_eq!(sorted(&reporter.roster(NOW).await), sorted(&alone));
    // What the reporter reads itself is gone; what others list stays, until their files say otherwise.
    let elsewhere = Party::new(&site, &[], false, &exchanges("36h"));
    let credentials = "kind,label,owner,location,expires_at\naccess_token,nightly,payments,vault,2026-12-01\n";
    fs::write(west.path("credentials.csv"), credentials).unwrap();
    west.engine().import_register(RegisterKind::Credentials, &west.path("credentials.csv"), at(NOW)).await.unwrap();
    elsewhere.take(&west.hand_over(None, NOW).await, NOW).await.unwrap();
    let told = elsewhere.roster(NOW).await;
    assert_eq!(sorted(&told), sorted(&Roster { registered: told.registered.clone(), ..alone.clone() }));
    assert_eq!(told.registered.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["nightly"]);
    let empty = Party::new(&site, &[], false, &WEST.section());
    drop(empty.engine());
    let later = "2026-07-03T08:00:00Z";
    elsewhere.take(&empty.hand_over(None, later).await, later).await.unwrap();
    let left = elsewhere.roster(later).await;
    assert!(
        left.people.is_empty()
            && left.members.is_empty()
            && left.permissions.is_empty()
            && left.tokens.is_empty()
            && left.registered.is_empty()
    );
}

/// What the lists say, in an order of their own.
fn sorted(roster: &Roster) -> Vec<String> {
    let members = roster.members.iter().map(|row| format!("{row:?}"));
    let mut all: Vec<String> = members
        .chain(roster.repositories.iter().map(|row| format!("{row:?}")))
        .chain(roster.permissions.iter().map(|row| format!("{row:?}")))
        .chain(roster.deploy_keys.iter().map(|row| format!("{row:?}")))
        .chain(roster.tokens.iter().map(|row| format!("{row:?}")))
        .chain(roster.registered.iter().map(|row| format!("{row:?}")))
        .chain(roster.directory.iter().map(|row| format!("{row:?}")))
        .collect();
    all.sort();
    all
}
