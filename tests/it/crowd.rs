//! Users without number: memory stays within what the unit of the service allows, what people read stays short and says that
//! there are more than have names, every use is counted, and no name does anything. `DUSKWATCH_USERS=1000000` plays the full size.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use duskwatch::simulator::ServeOptions;
use serde_json::Value;

use crate::support::{
    NOW, Site, at, integrations,
    program::{Service, duskwatch, hasten},
    seeds::number,
    small_world,
    smtp::MailServer,
};

/// Users where nobody asks for more.
const FEW: u64 = 1_000;
/// So many integrations of one source have names where nothing else is configured.
const NAMED: u64 = 25_000;
/// `MemoryMax` of deploy/systemd/duskwatch.service.
const MEMORY_KIB: u64 = 1 << 20;
/// What a person or a scraper is given at most.
const SHORT: usize = 2 << 20;
/// Mails that are read until one tells of everybody: at first the log is still being read.
const MAX_MAILS: usize = 200;
/// So much faster goes the clock, by which a digest is due every few minutes.
const SPEED: u32 = 40;

/// Beginnings of names, each of which means something to somebody.
const NAMES: [&str; 6] = ["ordinary", "<b>&amp;", "=cmd|'/C'!A", "\\u202ereversed", "\\r\\nSubject a", "\\u001b[2J"];

fn lines(users: u64) -> String {
    let mut lines = String::new();
    for n in 0..users {
        let name = NAMES[usize::try_from(n).unwrap() % NAMES.len()];
        writeln!(
            lines,
            "{{\"time\":\"2026-07-0{}T06:{:02}:00Z\",\"username\":\"{name}{n}\",\"secret_prefix\":\"ATBB\",\"status\":200,\
             \"host\":\"bitbucket.org\",\"method\":\"GET\",\"path\":\"/acme/repo-{}.git/info/refs\"}}",
            n % 3 + 1,
            n % 60,
            n % 500
        )
        .unwrap();
    }
    lines
}

/// The most memory that a process ever held.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn however_many_users_there_are_memory_is_bounded_and_every_document_inert() {
    let users = number("DUSKWATCH_USERS").unwrap_or(FEW);
    let (site, mail) = (Site::new(&small_world(95, at(NOW), 2), ServeOptions::default()).await, MailServer::start().await);
    // However few come, there are more than have names.
    let named = NAMED.min(users * 4 / 5);
    let log = site.path("crowd.jsonl");
    fs::write(&log, lines(users)).unwrap();
    let sections = format!(
        "[[log]]\nname = \"crowd\"\npaths = [{:?}]\n[schedule]\ndigest = \"*/5 * * * *\"\n\
         audit = \"1d\"\ntokens = \"1d\"\naccess = \"1d\"\nlogs = \"10m\"\n\
         [email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n\
         [[email.recipient]]\naddress = \"security@example.test\"\n",
        log.display().to_string(),
        mail.url
    );
    let text = fs::read_to_string(site.config()).unwrap();
    let text = text.replace("[store]\n", &format!("[store]\nintegrations_per_source = {named}\n"));
    fs::write(site.config(), text + &sections).unwrap();

    let set_up = |command: &mut _| {
        hasten(command, at(NOW), SPEED);
        // As the unit does.
        command.env("MALLOC_ARENA_MAX", "1");
    };
    let (mut service, base) = Service::serving_with(&site, set_up);
    service.wait_for("round done", &["log/crowd".to_owned()]);
    let mut digest = None;
    for _ in 0..MAX_MAILS {
        let arrived = mail.next().await;
        // Whoever has no name of their own is counted all the same.
        if uses(&site.path("csv/latest/authentications.csv")) >= users {
            digest = Some(arrived);
            break;
        }
    }
    let digest = digest.expect("a digest comes that tells of everybody").text;
    // Whoever reads it does not read the package that comes with it.
    let digest = digest.split("Content-Disposition: attachment").next().unwrap_or_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
    let (page, metrics) = (get("/").await, get("/metrics").await);
    for (what, document) in [("digest", digest), ("page", &page), ("metrics", &metrics)] {
        assert!(document.len() < SHORT, "{what}: {} bytes for {users} users", document.len());
        assert!(!document.contains(['\u{202e}', '\u{1b}']) && !document.contains("=E2=80=AE"), "{what}");
        assert!(!document.lines().any(|line| line.starts_with("Subject a")), "{what}");
    }
    assert!(page.contains("&lt;b&gt;&amp;amp;") && !page.contains("<b>&amp;"), "the page shows names as text");
    assert!(!metrics.contains("ordinary"), "no series is named after a user");
    let coverage = get("/coverage").await;
    for (what, document) in [("digest", digest), ("page", &page), ("/coverage", &coverage)] {
        let words = document.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("raise [store] integrations_per_source"), "the {what} says that there are more: {words}");
    }
    let nameless = metrics.lines().find_map(|line| line.strip_prefix("duskwatch_source_nameless{source=\"log/crowd\"} "));
    assert!(nameless.unwrap().parse::<u64>().unwrap() >= users - named, "{nameless:?} items of users without names");
    let table = fs::read_to_string(site.path("csv/latest/integrations.csv")).unwrap();
    assert!(rows(&table) > named, "{} rows", rows(&table));
    assert!(!table.contains(['\u{202e}', '\u{1b}']) && !table.contains(",=cmd"), "the table is inert");
    let peak = peak_kib(service.id());
    eprintln!("{users} users: {peak} KiB at the most, {} bytes of digest, {} of page", digest.len(), page.len());
    assert!(peak < MEMORY_KIB, "{peak} KiB for {users} users");
    let (ended, log) = service.terminate();
    assert!(ended.success() && !log.contains("panicked"), "{log}");
}

/// A line of somebody's with a secret that begins so.
fn line(day: u8, user: &str, prefix: &str) -> String {
    format!(
        "{{\"time\":\"2026-06-{day:02}T06:00:00Z\",\"username\":\"{user}\",\"secret_prefix\":\"{prefix}\",\"status\":200,\
         \"host\":\"bitbucket.org\",\"method\":\"GET\",\"path\":\"/acme/{user}-repo.git/info/refs\",\"user_agent\":\"{user}/1.0\"}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_counted_among_others_is_explained_and_forgotten_and_judged_by_nobody_elses_move() {
    let site = Site::new(&small_world(95, at(NOW), 2), ServeOptions::default()).await;
    let text = fs::read_to_string(site.config()).unwrap();
    let text = text.replace("[store]\n", "[store]\nintegrations_per_source = 2\n");
    fs::write(site.config(), &text).unwrap();
    let names = ["anna", "boris", "zoe", "yuri"];
    let legacy = (10..20).flat_map(|day| names.map(|user| line(day, user, "ATBB")));
    // One of those who have no name of their own moves, and the other does not.
    let moved = (20..30).map(|day| line(day, "zoe", "ATAT"));
    fs::write(site.path("hand.jsonl"), legacy.chain(moved).collect::<String>()).unwrap();
    let run = |arguments: &[&str]| {
        let ran = duskwatch(&site, arguments);
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.err);
        ran.out
    };
    run(&["import", "--format", "json", site.path("hand.jsonl").to_str().unwrap()]);
    let crowd = || {
        let report: Value = serde_json::from_str(&run(&["report", "--format", "json"])).unwrap();
        let named = |row: &&Value| row["user"].as_str().unwrap().starts_with("name:(everybody else of import/");
        integrations(&report).iter().find(named).expect("they are one integration").clone()
    };
    let (id, status) = (crowd()["integration"].as_str().unwrap().to_owned(), crowd()["status"].as_str().unwrap().to_owned());
    assert!(["active", "quiet"].contains(&status.as_str()), "{status}: what zoe moved to says nothing of yuri");
    let explained = run(&["explain", &id]);
    assert!(explained.contains("zoe") && explained.contains("yuri"), "{explained}");
    fs::write(site.config(), text.clone() + "[privacy]\npeople = \"pseudonyms\"\n").unwrap();
    let disguised = run(&["explain", &id]);
    assert!(!disguised.contains("zoe") && !disguised.contains("yuri"), "{disguised}");
    fs::write(site.config(), &text).unwrap();
    assert_eq!(crowd()["uses_30d"], 20);
    run(&["store", "forget", "zoe"]);
    let explained = run(&["explain", &id]);
    assert!(!explained.contains("zoe") && explained.contains("yuri"), "{explained}");
    assert_eq!(crowd()["uses_30d"], 20, "no count is lost");
    assert_eq!(duskwatch(&site, &["store", "forget", "zoe"]).status, 2, "nobody goes by that name any more");
}

/// How often somebody signed in, by a table of it; none while there is no table.
fn uses(table: &Path) -> u64 {
    let Ok(table) = csv::Reader::from_path(table) else { return 0 };
    let uses = |row: Result<BTreeMap<String, String>, _>| row.unwrap()["uses"].parse::<u64>().unwrap();
    table.into_deserialize().map(uses).sum()
}

/// Rows of a table that has no line ends in its cells.
fn rows(table: &str) -> u64 {
    table.lines().count().saturating_sub(1) as u64
}
