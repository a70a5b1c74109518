//! `status` on one screen, and `health`.

use std::{fmt::Write as _, fs, net::TcpListener};

use duskwatch::{daemon, report::status, simulator::ServeOptions};
use serde_json::Value;

use crate::support::{
    NOW, Site, at,
    program::{Ran, Service, answer_with, duskwatch, duskwatch_now},
    small_world,
};

async fn site() -> Site {
    Site::grown(&small_world(21, at(NOW), 12), ServeOptions::default()).await
}

fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(site.config(), text.replace(from, to)).unwrap();
}

#[track_caller]
fn well(ran: &Ran) -> &str {
    assert_eq!(ran.status, 0, "{ran:#?}");
    &ran.out
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_stands_on_one_screen_beside_a_running_service_too() {
    let site = site().await;
    assert_eq!(duskwatch(&site, &["poll"]).status, 0);
    assert_eq!(duskwatch(&site, &["send"]).status, 0);
    let (service, _) = Service::serving(&site);
    let ran = duskwatch(&site, &["status"]);
    let (status, log) = service.terminate();
    assert!(status.success(), "{status}: {log}");
    let told = well(&ran);
    for words in [
        "App passwords   ",
        " known, ",
        " possible), ",
        "days left",
        "audit/acme",
        "CSV package     last ",
        "Outbox",
        "Store",
        " a day",
    ] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    let screen = status::text(&daemon::status(site.options(), at(NOW)).await.unwrap(), 80);
    assert!(screen.lines().count() <= 24, "{} lines: {screen}", screen.lines().count());
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");

    let json: Value = serde_json::from_str(well(&duskwatch(&site, &["status", "--format", "json"]))).unwrap();
    let report: Value = serde_json::from_str(well(&duskwatch(&site, &["report", "--format", "json"]))).unwrap();
    let (stand, counts) = (&json["campaigns"][0], &report["campaigns"][0]["counts"]);
    for field in ["remaining", "known", "possible", "failing"] {
        assert_eq!(stand[field], counts[field], "{field}");
    }
    assert_eq!(json["sources"].as_array().unwrap().len(), report["coverage"]["sources"].as_array().unwrap().len());
    assert!(json["deliveries"][0]["last"].is_string() && json["store"]["bytes"].as_u64() > Some(0), "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_dead_stands_first_with_its_reason() {
    let site = site().await;
    edit(&site, &site.server.atlassian_url(), "http://127.0.0.1:1");
    edit(&site, "http://127.0.0.1:1/2.0", &site.server.bitbucket_url());
    assert_eq!(duskwatch(&site, &["poll"]).status, 75);
    let ran = duskwatch(&site, &["status"]);
    let sources: Vec<&str> = well(&ran).lines().filter(|line| line.starts_with("  ") && line.contains('/')).collect();
    let (sources, reasons): (Vec<&str>, Vec<&str>) = sources.iter().partition(|line| !line.starts_with("    "));
    assert!(sources[0].contains("audit/acme") && sources[1].contains("tokens/acme"), "{sources:#?}");
    assert!(sources[0].contains("failing, never read") && reasons[0].contains("could not connect"), "{}", ran.out);
    assert!(ran.out.contains("could not look everywhere"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cause_is_said_where_there_is_no_room_for_all_of_it() {
    let site = site().await;
    fs::write(site.path("organization.key"), "revoked-last-week").unwrap();
    assert_eq!(duskwatch(&site, &["poll"]).status, 75);
    let status = daemon::status(site.options(), at(NOW)).await.unwrap();
    for width in [72, 80, 120] {
        let screen = status::text(&status, width);
        let said = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(said.matches("does not accept our credential (401): it is expired").count(), 2, "{screen}");
        let unread = |line: &&str| line.contains("not permitted") || line.contains("failing, ");
        assert!(screen.lines().filter(unread).all(|line| !line.contains("no gap")), "{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_service_that_fails_stands_beside_that_it_is_ready() {
    let site = site().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    edit(&site, "listen = \"127.0.0.1:0\"", &format!("listen = \"{address}\""));
    drop(free);
    let (service, base) = Service::serving(&site);
    answer_with(&format!("{base}/readyz"), "Ready.").await;
    let sound = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), format!("{sound}\n[schedule]\naudti = \"1m\"\n")).unwrap();
    service.hang_up();
    answer_with(&format!("{base}/readyz"), "configuration: failing since").await;
    // Whoever watches the service must not end it because of a file that it does not use.
    let health = duskwatch_now(&site, &["health"]);
    assert!(well(&health).starts_with("healthy\nready, but:\n  "), "{health:#?}");
    assert!(health.out.contains("\n  configuration: failing since "), "{health:#?}");
    let refused = duskwatch_now(&site, &["status"]);
    assert!(refused.status == 78 && refused.err.contains("audti"), "{refused:#?}");
    let goes_on = "the running service: it goes on with the configuration it has, and is ready, but:\n  ";
    assert!(refused.err.contains(goes_on), "{refused:#?}");
    fs::write(site.config(), format!("= \"1m\"\n{sound}")).unwrap();
    assert!(well(&duskwatch_now(&site, &["health"])).starts_with("healthy\n"));
    fs::write(site.config(), sound).unwrap();
    let screen = duskwatch_now(&site, &["status", "--format", "json"]);
    assert!(service.terminate().0.success());
    let unread = format!("title = [\n{}", fs::read_to_string(site.config()).unwrap());
    edit(&site, &address.to_string(), "nowhere");
    let nowhere = duskwatch_now(&site, &["health"]);
    assert!(nowhere.status == 78 && nowhere.err.contains("http.listen: `nowhere` is no address"), "{nowhere:#?}");
    // Where the page is may stand in what could not be read: the default address would be another's.
    fs::write(site.config(), unread).unwrap();
    let unread = duskwatch_now(&site, &["health"]);
    assert!(unread.status == 78 && unread.err.contains("duskwatch.toml:2: (file): "), "{unread:#?}");
    let screen: Value = serde_json::from_str(well(&screen)).unwrap();
    let said = screen["service"].as_str().unwrap();
    assert!(said.starts_with("running, and ready; but configuration: failing since "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_new_says_what_to_do_next() {
    let site = site().await;
    let missing = duskwatch(&site, &["status"]);
    assert!(missing.status == 1 && missing.err.contains("`duskwatch poll` makes one"), "{missing:#?}");
    drop(site.engine());
    let told = duskwatch(&site, &["status"]);
    assert!(well(&told).contains("Next            nothing was read yet: `duskwatch check`"), "{}", told.out);
    assert!(told.out.contains("App passwords   unknown"), "{}", told.out);
    fs::write(site.config(), format!("[store]\npath = {:?}\n", site.store().display().to_string())).unwrap();
    let told = duskwatch(&site, &["status"]);
    assert!(well(&told).contains("Next            connect a source"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_trimmed_and_say_so() {
    let site = site().await;
    let mut text = fs::read_to_string(site.config()).unwrap();
    for number in 0..30 {
        writeln!(text, "[[log]]\nname = \"extra-{number}\"\npaths = [\"/nowhere/{number}\"]").unwrap();
    }
    fs::write(site.config(), text).unwrap();
    drop(site.engine());
    let screen = status::text(&daemon::status(site.options(), at(NOW)).await.unwrap(), 80);
    assert!(screen.lines().count() <= 24, "{screen}");
    assert!(screen.lines().any(|line| line.starts_with("  … and ") && line.ends_with(" of them need a look")), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_the_answer_of_the_service_that_runs() {
    let site = site().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let health = |words: &str| {
        let ran = duskwatch_now(&site, &["health"]);
        assert!(ran.status == 1 && ran.out.is_empty() && ran.err.contains(words), "{words}: {ran:#?}");
    };
    health("[http] listen has port 0");
    // As the defaults have it.
    let plain = "tls = { certificate = \"\", key = \"\" }";
    edit(
        &site,
        "listen = \"127.0.0.1:0\"",
        &format!("listen = \"{address}\"\n{plain}\ntoken = \"file:{}\"", site.path("page.token").display()),
    );
    fs::write(site.path("page.token"), "sesame").unwrap();
    // Something listens there that never answers.
    health("did not answer within 3 s");
    drop(free);
    health("nothing listens on ");
    edit(&site, &site.server.atlassian_url(), "http://127.0.0.1:1");
    let healthy = || {
        let (service, _) = Service::serving(&site);
        let (ran, screen) = (duskwatch_now(&site, &["health"]), duskwatch_now(&site, &["status", "--format", "json"]));
        assert!(service.terminate().0.success());
        assert!(well(&ran).starts_with("healthy\n"), "{ran:#?}");
        let screen: Value = serde_json::from_str(well(&screen)).unwrap();
        let reason = screen["service"].as_str().and_then(|words| words.strip_prefix("running, and not ready: "));
        assert!(reason.is_some_and(|words| words.starts_with("audit/acme: ")), "{screen:#}");
    };
    healthy();
    let pair = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deliver/tls/server");
    edit(&site, plain, &format!("tls = {{ certificate = \"{pair}.pem\", key = \"{pair}.key\" }}"));
    healthy();
}
