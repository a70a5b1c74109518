//! `reclassify`: what was kept, judged by rules that came later, must be what it would have been under them from the start.

use std::fs;

use duskwatch::{
    evidence::journal::first_break,
    simulator::ServeOptions,
    store::{Reader, Store},
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use crate::support::{
    NOW, Site, at, integrations,
    picture::{Picture, assert_same_counts},
    program::{Ran, duskwatch, duskwatch_at, killed_after},
    small_world,
};

/// Rules that see nearly everything otherwise, and a client that is no person's any more, so that what roamed has addresses.
const RULES: &str = "[[before]]\nid = \"our-git\"\nreason = \"nobody here has a token for git yet\"\n\
    when = { scheme = \"basic\", username_kind = \"nickname\", surface = \"git\", outcome = \"accepted\", time = \"before_removal\" }\n\
    credential = \"app_password\"\ngrade = \"strong\"\n\
    [[after]]\nid = \"strangers\"\nreason = \"refused without telling why\"\nwhen = { status = [401, 403], username = { present = true } }\n\
    credential = \"account_password\"\ngrade = \"weak\"\n";
const CLIENTS: &str = "[[client]]\nid = \"acme-git\"\nname = \"Acme git\"\ncategory = \"CI\"\nuser_agent = '^git/[0-9.]+$'\n";

fn change_rules(site: &Site) {
    fs::write(site.path("rules.toml"), RULES).unwrap();
    fs::write(site.path("clients.toml"), CLIENTS).unwrap();
    let section = format!(
        "[rules]\nfile = {:?}\nclients = {:?}\n[[campaign]]\nfile = \"builtin:bitbucket-app-passwords\"\n\
         removal = \"2026-07-01T00:00:00Z\"\n",
        site.path("rules.toml").display().to_string(),
        site.path("clients.toml").display().to_string()
    );
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + &section).unwrap();
}

/// What a store that begins under the present configuration knows at `now`.
async fn from_the_start(site: &Site, now: Timestamp) -> Picture {
    let text = fs::read_to_string(site.config()).unwrap();
    let (old, new) = (site.store().display().to_string(), site.path("new.db").display().to_string());
    fs::write(site.config(), text.replace(&old, &new)).unwrap();
    site.poll(&site.engine(), now).await;
    fs::write(site.config(), text).unwrap();
    Picture::of(&site.path("new.db")).await
}

#[track_caller]
fn well(ran: Ran) -> String {
    assert_eq!(ran.status, 0, "{ran:#?}");
    ran.out
}

fn report(site: &Site) -> Value {
    serde_json::from_str(&well(duskwatch(site, &["report", "--format", "json"]))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_judged_as_if_the_rules_had_always_been_these() {
    let site = Site::grown(&small_world(5, at(NOW), 25), ServeOptions::default()).await;
    site.poll(&site.engine(), at(NOW)).await;
    well(duskwatch(&site, &["report"]));
    let before = Picture::of(&site.store()).await;
    let known = report(&site);
    assert_eq!(known["judged_otherwise"], 0);

    change_rules(&site);
    let items: u64 = before.totals.items.iter().map(|(_, items)| items).sum();
    let told = well(duskwatch(&site, &["report"]));
    assert!(told.replace('\n', " ").contains("Run duskwatch reclassify"), "{told}");
    assert_eq!(report(&site)["judged_otherwise"], items);

    let planned = well(duskwatch(&site, &["reclassify", "--dry-run"]));
    assert_same_counts(&before.counts, &Picture::of(&site.store()).await.counts);
    let done = well(duskwatch(&site, &["reclassify"]));
    assert_eq!(planned.replace("would be", "are").replace("would change", "changed"), done);
    for line in
        ["grade: weak -> strong", "client: git-cli -> acme-git", "origin: roaming -> ", "credential: unknown -> account_password"]
    {
        assert!(done.contains(line), "{line} is not in {done}");
    }
    assert!(done.contains("\n0 uses on 0 days of which a source is not kept whole stay"), "{done}");

    let after = Picture::of(&site.store()).await;
    assert_same_counts(&from_the_start(&site, at(NOW)).await.counts, &after.counts);
    assert_eq!((after.totals, after.coverage, after.states), (before.totals, before.coverage, before.states));
    assert_eq!(report(&site)["judged_otherwise"], 0);
    let again = well(duskwatch(&site, &["reclassify"]));
    assert!(again.contains(": 0 are judged otherwise\n0 statuses changed"), "{again}");

    let journal = Store::open_read_only(&site.store()).unwrap().read(Reader::journal).await.unwrap();
    assert_eq!(first_break(&journal), None);
    let done: Vec<_> = journal.iter().filter(|entry| entry.action == "reclassify").collect();
    assert!(done.len() == 2 && done[0].detail.contains(" uses are judged otherwise, "), "{journal:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_stay_where_clients_and_origins_are_called_otherwise_and_the_change_has_its_cause() {
    let site = Site::grown(&small_world(5, at(NOW), 25), ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    engine.judge(at(NOW)).await.unwrap();
    let before = report(&site);
    change_rules(&site);
    well(duskwatch(&site, &["reclassify"]));
    let after = report(&site);
    let named = |report: &Value, client: &str| -> Vec<String> {
        let rows = integrations(report).iter().filter(|row| row["client"] == client);
        rows.map(|row| row["integration"].as_str().unwrap().to_owned()).collect()
    };
    let (old, new) = (named(&before, "git-cli"), named(&after, "acme-git"));
    assert!(!old.is_empty() && old.iter().all(|id| new.contains(id)), "{old:?} {new:?}");
    assert_eq!(named(&after, "git-cli"), Vec::<String>::new());

    let changes: Vec<_> = after["changes"].as_array().unwrap().iter().filter(|row| row["cause"] == "reclassified").collect();
    assert!(!changes.is_empty(), "{:#}", after["changes"]);
    // What was found together is told apart: each piece of evidence lies in the row's own network.
    let addressed = |row: &&Value| row["client"] == "acme-git" && row["origin"].as_str().unwrap().contains('/');
    let mut pieces = 0;
    for row in integrations(&after).iter().filter(addressed) {
        let id = row["integration"].as_str().unwrap();
        let explained: Value = serde_json::from_str(&well(duskwatch(&site, &["explain", id, "--format", "json"]))).unwrap();
        let network: ipnet::IpNet = row["origin"].as_str().unwrap().parse().unwrap();
        for piece in explained["evidence"].as_array().unwrap().iter().filter(|piece| piece["client_ip"] != "") {
            pieces += 1;
            let ip: std::net::IpAddr = piece["client_ip"].as_str().unwrap().parse().unwrap();
            assert!(network.contains(&ip), "{id}: {piece:#}");
        }
    }
    assert!(pieces > 5, "{pieces}");

    // A judgement finds nothing left to say, also of a process that judges by the same rules afterwards.
    let recorded = after["changes"].as_array().unwrap().len();
    site.engine().judge(at(NOW)).await.unwrap();
    assert_eq!(report(&site)["changes"].as_array().unwrap().len(), recorded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reclassification_that_is_killed_goes_on_while_others_record_and_ends_as_if_it_had_not_been() {
    let mut site = Site::grown(&small_world(7, at(NOW), 40), ServeOptions::default()).await;
    let old = site.engine();
    site.poll(&old, at(NOW)).await;
    change_rules(&site);
    let mut now = at(NOW);
    let mut killed = 0;
    for batches in [1, 2, 1] {
        let seen = Picture::of(&site.store()).await;
        if killed_after(&site, &["--now", NOW, "reclassify"], "a batch was judged anew", batches) {
            killed += 1;
            assert_same_counts(&seen.counts, &Picture::of(&site.store()).await.counts);
        }
        // A service that began before the rules changed goes on by the old ones.
        now = now.checked_add(1.hours()).unwrap();
        site.grow(now);
        site.poll(&old, now).await;
    }
    assert!(killed >= 2, "too few batches to be killed in");
    let now_text = now.to_string();
    well(duskwatch_at(&site, &now_text, &["reclassify"]));
    let after = Picture::of(&site.store()).await;
    assert_same_counts(&from_the_start(&site, now).await.counts, &after.counts);

    now = now.checked_add(1.hours()).unwrap();
    site.grow(now);
    site.poll(&old, now).await;
    let told = well(duskwatch_at(&site, &now.to_string(), &["report"]));
    assert!(told.replace('\n', " ").contains("Run duskwatch reclassify"), "the old service still judges by the old rules");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_which_something_is_gone_stay_as_they_were_counted() {
    let site = Site::grown(&small_world(5, at(NOW), 25), ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    let before = Picture::of(&site.store()).await;
    let file = rusqlite::Connection::open(site.store()).unwrap();
    file.execute(include_str!("../data/store/lose_some_chunks.sql"), []).unwrap();
    drop(file);
    change_rules(&site);
    let done = well(duskwatch(&site, &["reclassify"]));
    let left = done.lines().last().unwrap();
    assert!(left.ends_with("stay as they were counted") && !left.starts_with("0 uses"), "{done}");
    let after = Picture::of(&site.store()).await;
    let fresh = from_the_start(&site, at(NOW)).await;
    // Every day of a source is wholly the one or the other.
    let mut places: Vec<_> = before.counts.keys().map(|(source, _, day, _)| (source.clone(), *day)).collect();
    places.dedup();
    let (mut anew, mut as_before) = (0, 0);
    for (source, day) in places {
        let of = |picture: &Picture| -> Vec<_> {
            let own = picture.counts.iter().filter(|((of, _, at, _), _)| *of == source && *at == day);
            own.map(|(key, count)| (key.clone(), *count)).collect()
        };
        let now = of(&after);
        anew += usize::from(now == of(&fresh) && now != of(&before));
        as_before += usize::from(now == of(&before) && now != of(&fresh));
        assert!(now == of(&fresh) || now == of(&before), "{source} {day} is a mixture");
    }
    assert!(anew > 3 && as_before > 3, "{anew} {as_before}");
}
