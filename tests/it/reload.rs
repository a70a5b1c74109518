//! A new configuration for the service that runs, by SIGHUP and by changed secrets, end to end.

use std::fs;

use duskwatch::{
    simulator::ServeOptions,
    store::{Reader, Store},
};

use crate::support::{
    NOW, Site, at,
    picture::{Picture, assert_same_counts},
    program::{Service, answer_with, hasten},
    small_world,
};

const IN_FORCE: &str = "the new configuration is in force";
const REFUSED: &str = "the new configuration is refused: the service goes on with the one it has";

async fn site() -> Site {
    Site::grown(&small_world(61, at(NOW), 5), ServeOptions::default()).await
}

fn append(site: &Site, section: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + section).unwrap();
}

fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(site.config(), text.replacen(from, to, 1)).unwrap();
}

/// Whether the page lets somebody in, made or not.
async fn admitted(base: &str, token: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("{base}/report.json")).bearer_auth(token).send().await.unwrap().status() != 401
}

async fn journal(site: &Site) -> Vec<(String, String, String)> {
    let entries = Store::open_read_only(&site.store()).unwrap().read(Reader::journal).await.unwrap();
    entries.into_iter().map(|entry| (entry.actor, entry.action, entry.detail)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_is_taken_up_whole_and_nothing_is_lost() {
    let site = site().await;
    fs::write(site.path("page.token"), "first").unwrap();
    edit(&site, "[http]\n", &format!("[http]\ntoken = \"file:{}\"\n", site.path("page.token").display()));
    edit(&site, "name = \"filter\"", "name = \"renamed\"");
    let (mut service, base) = Service::serving(&site);
    assert_eq!((admitted(&base, "first").await, admitted(&base, "second").await), (true, false));

    fs::write(site.path("other.token"), "second").unwrap();
    edit(&site, &site.path("page.token").display().to_string(), &site.path("other.token").display().to_string());
    edit(&site, "name = \"renamed\"", "name = \"filter\"");
    append(
        &site,
        "[[waiver]]\nintegration = \"k7m2qd4x\"\nuntil = \"2026-12-31\"\nrequester = \"payments\"\napprover = \"CISO\"\n\
         ticket = \"SEC-1234\"\nreason = \"vendor release\"\n[schedule]\nlogs = \"1s\"\n",
    );
    service.hang_up();
    service.wait_for(IN_FORCE, &["SIGHUP".to_owned()]);
    assert_eq!((admitted(&base, "first").await, admitted(&base, "second").await), (false, true));
    let logs = ["egress-inspected", "egress-plain", "gateway", "squid", "filter"];
    service.wait_for("round done", &logs.map(|log| format!("part=\"log/{log}\"")));
    let accepted = journal(&site).await;
    let waiver = accepted.iter().find(|(_, action, _)| action == "waivers").unwrap();
    assert!(waiver.0.contains("duskwatch reload") && waiver.2.contains("k7m2qd4x"), "{accepted:#?}");
    let (ended, said) = service.terminate();
    assert!(ended.success(), "{said}");
    assert!(!said.contains("ERROR"), "{said}");

    // Whatever was interrupted: each line counts once, as in a service that was left alone.
    fs::remove_dir_all(site.path("csv")).ok();
    let calm = Site::grown(&site.world, ServeOptions::default()).await;
    calm.poll(&calm.engine(), at(NOW)).await;
    let (expected, found) = (Picture::of(&calm.store()).await, Picture::of(&site.store()).await);
    let logs = |picture: &Picture| {
        let mut counts = picture.counts.clone();
        // The one that has two names is read under both, as far as there was time for the first.
        let named_twice = ["log/filter", "log/renamed"];
        counts.retain(|(source, ..), _| source.starts_with("log/") && !named_twice.contains(&source.as_str()));
        counts
    };
    assert_same_counts(&logs(&expected), &logs(&found));
    assert!(found.items("log/filter") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_leaves_the_old_one_in_force_and_says_every_fault_once() {
    let site = site().await;
    let sound = fs::read_to_string(site.config()).unwrap();
    let (mut service, base) = Service::serving(&site);
    append(&site, "[schedule]\naudti = \"1m\"\ndigest = \"soon\"\n");
    service.hang_up();
    service.wait_for(REFUSED, &["2 faults".to_owned()]);
    assert!(admitted(&base, "").await);
    let ready = format!("{base}/readyz");
    answer_with(&ready, "configuration: failing since").await;
    answer_with(&format!("{base}/metrics"), "\nduskwatch_failing_time_seconds{part=\"configuration\"} ").await;
    fs::write(site.config(), sound).unwrap();
    service.hang_up();
    service.wait_for(IN_FORCE, &["SIGHUP".to_owned()]);
    let (_, said) = answer_with(&ready, "").await;
    assert!(!said.contains("configuration"), "{said}");
    let (ended, said) = service.terminate();
    assert!(ended.success(), "{said}");
    for words in ["schedule.audti: unknown key; did you mean `audit`?", "`soon` is no cron line", REFUSED] {
        assert_eq!(said.matches(words).count(), 1, "{words}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_and_is_taken_out_of_the_configuration_fails_no_more() {
    let site = site().await;
    let sound = fs::read_to_string(site.config()).unwrap();
    append(&site, "[otel]\nendpoint = \"http://127.0.0.1:1\"\ninterval = \"1s\"\n");
    let (mut service, base) = Service::serving_with(&site, |command| hasten(command, at(NOW), 20));
    let ready = format!("{base}/readyz");
    answer_with(&ready, "otel: failing since").await;
    answer_with(&base, "otel is failing since").await;
    fs::write(site.config(), sound).unwrap();
    service.hang_up();
    service.wait_for(IN_FORCE, &["SIGHUP".to_owned()]);
    let (_, said) = answer_with(&ready, "").await;
    let (_, page) = answer_with(&base, "").await;
    assert!(!said.contains("otel") && !page.contains("is failing since"), "{said}");
    let (ended, said) = service.terminate();
    assert!(ended.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_is_taken_up_without_a_signal() {
    let site = site().await;
    let key = fs::read(site.path("organization.key")).unwrap();
    fs::write(site.path("organization.key"), "revoked-last-week").unwrap();
    let (mut service, base) = Service::serving(&site);
    service.wait_for("it fails", &["part=\"audit/acme\"".to_owned(), "part=\"tokens/acme\"".to_owned()]);
    answer_with(&format!("{base}/readyz"), "asked again every 15 min, and at once after a reload").await;
    fs::write(site.path("next.key"), key).unwrap();
    fs::rename(site.path("next.key"), site.path("organization.key")).unwrap();
    service.wait_for(IN_FORCE, &["a secret has changed".to_owned()]);
    service.wait_for("it works again", &["part=\"audit/acme\"".to_owned(), "part=\"tokens/acme\"".to_owned()]);
    fs::remove_file(site.path("organization.key")).unwrap();
    service.wait_for(REFUSED, &["a secret has changed".to_owned()]);
    let (ended, said) = service.terminate();
    assert!(ended.success() && !said.contains("revoked-last-week"), "{said}");
    assert_eq!(said.matches(REFUSED).count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_change_while_the_service_runs_is_said_and_stays() {
    let site = site().await;
    let (mut service, base) = Service::serving(&site);
    edit(&site, "listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    edit(&site, "duskwatch.db", "other.db");
    service.hang_up();
    service.wait_for("it takes effect at the next start", &["store.path".to_owned(), "http.listen".to_owned()]);
    service.wait_for(IN_FORCE, &["SIGHUP".to_owned()]);
    assert!(admitted(&base, "").await);
    assert!(!site.path("other.db").exists());
    assert!(service.terminate().0.success());
}
