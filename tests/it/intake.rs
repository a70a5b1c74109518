//! What senders push at a running service: recorded once, whatever happens between, and only as far as they are trusted.

use std::{collections::BTreeMap, fmt::Write as _, fs, io::Write as _, net::TcpStream, path::Path, process::Command};

use duskwatch::{
    evidence::{Credential, Grade, format::Format},
    simulator::ServeOptions,
};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::support::{
    NOW, Site, at,
    picture::{Counts, Picture, assert_same_counts},
    program::{Service, duskwatch_now},
    small_world,
};

const CI: &str = "intake/ci";
const PARTNER: &str = "intake/partner";
const CI_TOKEN: &str = "J8tWv0sLq2cY5hXn";
const PARTNER_TOKEN: &str = "b3RoZXItdG9rZW4";

/// A site whose own sources are quiet, with a sender that may say anything and one that may say little.
async fn site() -> Site {
    let site = Site::new(&small_world(31, at(NOW), 12), ServeOptions::default()).await;
    fs::write(site.path("ci.token"), CI_TOKEN).unwrap();
    fs::write(site.path("partner.token"), PARTNER_TOKEN).unwrap();
    let mut text = fs::read_to_string(site.config()).unwrap();
    for (name, limits) in
        [("ci", String::new()), ("partner", format!("workspaces = [{:?}]\nmaximum_grade = \"weak\"\n", workspace(&site)))]
    {
        let token = site.path(&format!("{name}.token"));
        write!(text, "[[http.intake]]\nname = {name:?}\ntoken = \"file:{}\"\n{limits}", token.display()).unwrap();
    }
    fs::write(site.config(), text).unwrap();
    site
}

fn workspace(site: &Site) -> String {
    site.world.workspaces().next().unwrap().to_owned()
}

/// Lines about a proven app password, a second apart.
fn lines(count: i64, workspace: &str) -> String {
    let last = at(NOW).as_second();
    let line = |n| {
        let time = Timestamp::from_second(last - count + n).unwrap();
        format!(
            "{{\"time\":\"{time}\",\"username\":\"user-{}\",\"scheme\":\"basic\",\"secret_prefix\":\"ATBB\",\"status\":200,\
             \"method\":\"GET\",\"host\":\"bitbucket.org\",\"path\":\"/{workspace}/repo-{}.git/info/refs\"}}\n",
            n % 7,
            n % 50
        )
    };
    (0..count).map(line).collect()
}

async fn post(url: &str, token: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = Client::builder().no_proxy().build().unwrap().post(format!("{url}/v1/evidence"));
    let response = request.bearer_auth(token).body(body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// Lines, recorded, repeated, skipped.
fn counts(answer: &Value) -> [u64; 4] {
    ["lines", "recorded", "repeated", "skipped"].map(|name| answer[name].as_u64().unwrap())
}

/// The reasons of the refused lines by their number.
fn reasons(answer: &Value) -> BTreeMap<u64, &str> {
    let refused = answer["refused"].as_array().unwrap().iter();
    refused.map(|line| (line["line"].as_u64().unwrap(), line["reason"].as_str().unwrap())).collect()
}

/// What a report says of each source.
fn told(site: &Site) -> BTreeMap<String, Value> {
    let report: Value = serde_json::from_str(&duskwatch_now(site, &["report", "--format", "json"]).out).unwrap();
    let sources = report["coverage"]["sources"].as_array().unwrap().iter();
    sources.map(|source| (source["source"].as_str().unwrap().to_owned(), source.clone())).collect()
}

fn of_source(picture: &Picture, source: &str) -> Counts {
    picture.counts.iter().filter(|((name, ..), _)| name == source).map(|(key, value)| (key.clone(), *value)).collect()
}

fn assert_same(before: &Picture, after: &Picture) {
    assert_same_counts(&of_source(before, CI), &of_source(after, CI));
    assert_eq!((before.items(CI), before.skipped(CI)), (after.items(CI), after.skipped(CI)));
    // The organisation's own sources, which go on meanwhile, cannot show these.
    let app_passwords = |picture: &Picture| {
        let totals = picture.totals.authentications.iter().filter(|total| total.credential == Credential::AppPassword);
        totals.map(|total| total.uses).sum::<u64>()
    };
    assert_eq!(app_passwords(before), app_passwords(after));
    assert_eq!(before.coverage[CI], after.coverage[CI]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_pushed_lines_are_counted_as_imported_ones_are_and_once() {
    let site = site().await;
    let (_service, url) = Service::serving(&site);
    let body = lines(10_000, &workspace(&site))
        + "{\"time\":\"soon\"}\nremote: CHANGE-3222\n\n{\"time\":\"2026-07-03T06:07:12Z\",\"host\":\"github.com\"}\n";
    let (status, answer) = post(&url, CI_TOKEN, body.clone()).await;
    assert_eq!((status, counts(&answer)), (200, [10_003, 10_000, 0, 3]), "{answer}");
    assert_eq!(reasons(&answer), BTreeMap::from([(10_001, "no_time"), (10_002, "malformed"), (10_004, "other_host")]));
    let first = Picture::of(&site.store()).await;
    assert_eq!((first.items(CI), first.skipped(CI), first.uses(CI)), (10_000, 3, 10_000));
    assert!(first.states[CI].last_success.is_some());

    let (status, again) = post(&url, CI_TOKEN, body.clone()).await;
    assert_eq!((status, counts(&again)), (200, [10_003, 0, 10_000, 3]), "{again}");
    assert_eq!(reasons(&again), reasons(&answer));
    assert_same(&first, &Picture::of(&site.store()).await);

    let told = told(&site);
    assert_eq!([&told[CI]["state"], &told[PARTNER]["state"]], ["reading", "never_read"]);

    let by_hand = self::site().await;
    let path = by_hand.path("lines.jsonl");
    fs::write(&path, body).unwrap();
    by_hand.engine().import(Format::Json, None, &path, at(NOW), |_| {}).await.unwrap();
    let imported = of_source(&Picture::of(&by_hand.store()).await, "import/files");
    let renamed = imported.into_iter().map(|((_, track, day, said), value)| ((CI.to_owned(), track, day, said), value)).collect();
    assert_same_counts(&renamed, &of_source(&first, CI));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_makes_a_repeat_within_one_sender_in_whatever_company_it_comes() {
    let site = site().await;
    let (_service, url) = Service::serving(&site);
    let event = |id: &str, minute: u32| {
        format!(
            "{{\"time\":\"2026-07-03T06:{minute:02}:12Z\",\"event_id\":\"{id}\",\"workspace\":\"{}\",\"auth_type\":\"api-token\"}}\n",
            workspace(&site)
        )
    };
    let (_, first) = post(&url, CI_TOKEN, event("a", 1) + &event("b", 2) + &event("a", 1)).await;
    assert_eq!(counts(&first), [3, 2, 1, 0]);
    let (_, second) = post(&url, CI_TOKEN, event("c", 3) + &event("b", 4)).await;
    assert_eq!(counts(&second), [2, 1, 1, 0]);
    let (_, other) = post(&url, PARTNER_TOKEN, event("a", 1)).await;
    assert_eq!(counts(&other), [1, 1, 0, 0]);
    let picture = Picture::of(&site.store()).await;
    assert_eq!((picture.items(CI), picture.items(PARTNER)), (3, 1));
}

/// Sends a request and does not wait for its answer.
fn send_and_forget(url: &str, token: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/evidence HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_a_kill_is_known_when_it_is_sent_again() {
    let site = site().await;
    let (mut service, url) = Service::serving(&site);
    let first = lines(500, &workspace(&site));
    let unread = send_and_forget(&url, CI_TOKEN, &first);
    service.wait_for("evidence was pushed", &[format!("source=\"{CI}\"")]);
    service.kill();
    drop(unread);
    let committed = Picture::of(&site.store()).await;
    assert_eq!(committed.items(CI), 500);

    let (service, url) = Service::serving(&site);
    let (_, answer) = post(&url, CI_TOKEN, first).await;
    assert_eq!(counts(&answer), [500, 0, 500, 0]);
    assert_same(&committed, &Picture::of(&site.store()).await);
    // Killed at an instant of its own choice, it has recorded all of a request or nothing.
    let second = lines(700, "elsewhere");
    let unread = send_and_forget(&url, CI_TOKEN, &second);
    service.kill();
    drop(unread);
    let recorded = Picture::of(&site.store()).await.items(CI) - 500;
    assert!(recorded == 0 || recorded == 700, "{recorded}");
    let (_service, url) = Service::serving(&site);
    let (_, answer) = post(&url, CI_TOKEN, second).await;
    assert_eq!(counts(&answer), [700, 700 - recorded, recorded, 0]);
    assert_eq!(Picture::of(&site.store()).await.uses(CI), 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_held_to_its_workspaces_and_its_grade() {
    let site = site().await;
    let (service, url) = Service::serving(&site);
    let own = workspace(&site);
    let said =
        |text: &str| format!("{{\"time\":\"2026-07-03T06:07:12Z\",\"username\":\"eve\",\"secret_prefix\":\"ATBB\",{text}}}\n");
    let body = [
        said(&format!("\"workspace\":{:?}", own.to_uppercase())),
        said("\"workspace\":\"elsewhere\""),
        said("\"host\":\"api.bitbucket.org\",\"path\":\"/2.0/repositories/elsewhere/x\""),
        said("\"host\":\"bitbucket.org\",\"method\":\"CONNECT\""),
        said(&format!(
            "\"host\":\"bitbucket.org\",\"path\":\"/{own}/x.git/info/refs\",\"status\":410,\"message\":\"remote: CHANGE-3222\""
        )),
    ]
    .concat();
    let (status, answer) = post(&url, PARTNER_TOKEN, body.clone()).await;
    assert_eq!((status, counts(&answer)), (200, [5, 2, 0, 3]));
    assert_eq!(reasons(&answer), BTreeMap::from([(2, "other_workspace"), (3, "other_workspace"), (4, "no_workspace")]));
    let picture = Picture::of(&site.store()).await;
    let grades: Vec<&str> = picture.counts.keys().filter(|key| key.0 == PARTNER).map(|(.., said)| said.as_str()).collect();
    assert!(!grades.is_empty() && grades.iter().all(|said| said.starts_with("app_password weak")), "{grades:?}");
    assert_eq!(picture.states[PARTNER].maximum_grade, Some(Grade::Weak));
    assert_eq!(picture.skipped(PARTNER), 3);
    let (_, trusted) = post(&url, CI_TOKEN, body.clone()).await;
    assert_eq!(counts(&trusted), [5, 5, 0, 0]);
    let picture = Picture::of(&site.store()).await;
    assert!(picture.counts.keys().any(|(source, .., said)| source == CI && said.starts_with("app_password proven")));

    // What was refused is welcome once its sender is trusted.
    assert!(service.terminate().0.success());
    let text = fs::read_to_string(site.config()).unwrap().replace(&format!("workspaces = [{own:?}]\n"), "");
    fs::write(site.config(), text).unwrap();
    let (_service, url) = Service::serving(&site);
    let (_, answer) = post(&url, PARTNER_TOKEN, body).await;
    assert_eq!(counts(&answer), [5, 3, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_evidence_is_counted_once_and_covers_nothing_and_who_is_no_sender_leaves_no_trace() {
    let site = site().await;
    let (_service, url) = Service::serving(&site);
    for _ in 0..2 {
        let (status, answer) = post(&url, CI_TOKEN, "<html>\n<body>no</body>\n").await;
        assert_eq!((status, counts(&answer)), (400, [2, 0, 0, 2]));
    }
    assert_eq!(post(&url, PARTNER_TOKEN, "").await.0, 400);
    assert_eq!(post(&url, "J8tWv0sLq2cY5hXN", lines(1, "acme")).await.0, 401);
    let ready = reqwest::get(format!("{url}/readyz")).await.unwrap().text().await.unwrap();
    assert!(!ready.contains("intake/"), "{ready}");
    let picture = Picture::of(&site.store()).await;
    assert_eq!((picture.items(CI), picture.skipped(CI), picture.skipped(PARTNER)), (0, 2, 0));
    assert_eq!((picture.coverage.get(CI), picture.states[CI].last_success), (None, None));
    let told = &told(&site)[CI];
    assert_eq!((&told["state"], &told["skipped"]), (&json!("never_read"), &json!(2)));
    assert_eq!(told["skipped_reasons"], json!([{"reason": "malformed", "count": 2, "sample": "?a?"}]));
}

/// The blocks of the manual in one language.
fn manual(language: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/README.md")).unwrap();
    let fence = format!("\n```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n").collect()
}

/// What git prints when Bitbucket refuses an app password.
fn refusal(workspace: &str) -> String {
    format!(
        "Cloning into 'payments-api'...\nremote: CHANGE-3222 - Functionality has been deprecated \"for good\"\n\
         fatal: unable to access 'https://mtessel:ATBB3xFfGN0hunter2@bitbucket.org/{workspace}/payments-api.git/': \
         The requested URL returned error: 410\n"
    )
}

/// Puts the manual's script, and a git that is refused, where a shell finds them.
fn install(site: &Site) -> String {
    let script = manual("sh").into_iter().find(|block| block.contains("# report-git-failures.sh")).unwrap();
    let git = format!("#!/bin/sh\necho from git\ncat >&2 <<'END'\n{}END\nexit 128\n", refusal(&workspace(site)));
    let bin = site.path("bin");
    fs::create_dir(&bin).unwrap();
    for (name, text) in [("report-git-failures.sh", script), ("git", git)] {
        fs::write(bin.join(name), text).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(bin.join(name)).status().unwrap().success());
    }
    format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())
}

fn bash(site: &Site, path: &str, url: &str, script: &str, build: &str) -> std::process::Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("PATH", path).env("DUSKWATCH_URL", url).env("DUSKWATCH_INTAKE_TOKEN", CI_TOKEN);
    bash.env("JOB_NAME", "payments/main").env("BUILD_TAG", build).env("no_proxy", "127.0.0.1").current_dir(site.dir.path());
    block_in_place(|| bash.output()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manuals_scripts_report_what_git_was_refused_and_no_credential() {
    let site = site().await;
    let path = install(&site);
    let (_service, url) = Service::serving(&site);
    fs::write(site.path("git.log"), refusal(&workspace(&site))).unwrap();
    let jenkins = manual("groovy").remove(0);
    let step = jenkins.split("'''").nth(1).unwrap().replace("https://duskwatch.example.test", &url);
    let plain = "report-git-failures.sh git.log";
    let answered = |build, script: &str| {
        let ran = bash(&site, &path, &url, script, build);
        assert!(ran.status.success(), "{ran:?}");
        counts(&serde_json::from_slice(&ran.stdout).unwrap())
    };
    assert_eq!(answered("jenkins-1", &step), [1, 1, 0, 0]);
    assert_eq!(answered("jenkins-2", plain), [1, 1, 0, 0]);
    assert_eq!(bash(&site, &path, &url, "report-git-failures.sh /dev/null", "jenkins-3").stdout, b"");

    let wrapper = manual("bash").remove(0) + "git clone https://bitbucket.org/x/y";
    let ran = bash(&site, &path, &url, &wrapper, "shell-1");
    assert_eq!((ran.status.code(), String::from_utf8(ran.stdout).unwrap().as_str()), (Some(128), "from git\n"));
    assert_eq!(String::from_utf8(ran.stderr).unwrap(), refusal(&workspace(&site)));

    let picture = Picture::of(&site.store()).await;
    assert_eq!(picture.items(CI), 3);
    for ((_, track, _, said), _) in of_source(&picture, CI) {
        assert!(said.starts_with("app_password proven rejected"), "{said}");
        assert_eq!(
            (track.username, track.workspace, track.repository),
            (None, Some(workspace(&site)), Some("payments-api".to_owned()))
        );
        assert_eq!(track.origin.text(), "payments/main");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_nothing_is_told_until_it_takes_what_is_pushed() {
    let site = site().await;
    // No round of a source tells of the store here.
    let (store, token) = (site.store().display().to_string(), site.path("ci.token").display().to_string());
    let sender = format!("[[http.intake]]\nname = \"ci\"\ntoken = \"file:{token}\"\n");
    fs::write(site.config(), format!("[http]\nlisten = \"127.0.0.1:0\"\n{sender}[store]\npath = {store:?}\n")).unwrap();
    let (mut service, url) = Service::serving(&site);
    let database = rusqlite::Connection::open(site.store()).unwrap();
    database.execute_batch(include_str!("../data/faults/refuse_coverage.sql")).unwrap();
    assert_eq!(post(&url, CI_TOKEN, lines(3, "acme")).await.0, 503);
    service.wait_for("it fails", &["store".to_owned(), "no room".to_owned()]);
    database.execute_batch(include_str!("../data/faults/accept_coverage.sql")).unwrap();
    assert_eq!(counts(&post(&url, CI_TOKEN, lines(3, "acme")).await.1), [3, 3, 0, 0]);
    service.wait_for("it works again", &["store".to_owned()]);
    service.kill();
}
