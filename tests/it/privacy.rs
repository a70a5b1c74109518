//! Under pseudonyms nothing that leaves names a human: every name of a simulated organisation is searched for in everything
//! that the program says and writes.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Bytes, http::Uri};
use data_encoding::BASE32_NOPAD;
use duskwatch::{
    daemon::{Engine, Judged},
    report::Audience,
    simulator::ServeOptions,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    pages::encoded,
    support::{
        NOW, Site, at, days_before, files, integrations,
        program::{Service, duskwatch},
        small_world,
        smtp::MailServer,
    },
};

/// Everything that a person may be recognised by.
fn names(site: &Site) -> Vec<String> {
    let humans = site.world.truth().users().iter().filter(|user| !user.service);
    let names = humans.flat_map(|user| {
        let names = [&user.account_id, &user.uuid, &user.nickname, &user.display_name, &user.email];
        names.map(|name| name.to_lowercase())
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() > 100, "{}", names.len());
    names
}

/// Searches outputs, each of which has a name, for everybody's names.
#[track_caller]
fn assert_nobody_is_named(site: &Site, outputs: &[(String, String)]) {
    let names = names(site);
    for (output, text) in outputs {
        let text = format!("{output}\n{text}").to_lowercase();
        let found: Vec<(&String, &str)> = names.iter().filter_map(|name| Some((name, around(&text, name)?))).collect();
        assert!(found.is_empty(), "{output} names {found:#?}");
    }
}

/// Where a name stands in a text.
fn around<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let from = text.find(name)?;
    let edge = |at: usize| (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    Some(&text[edge(from.saturating_sub(80))..edge((from + name.len() + 40).min(text.len()))])
}

/// Adds sections to the configuration; people have pseudonyms from now on.
fn hide_people(site: &Site, sections: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), format!("{text}[privacy]\npeople = \"pseudonyms\"\n{sections}")).unwrap();
}

/// Evidence in each of whose free fields somebody wrote the names of two people, one of whom it is about.
fn gossip(site: &Site) {
    let humans: Vec<_> = site.world.truth().users().iter().filter(|user| !user.service).collect();
    let (own, other) = (humans[0], humans[1]);
    let told = format!("{} ({}, {}) for {}", own.display_name, own.nickname, own.email, other.display_name);
    let fields = [
        "user_agent",
        "job",
        "message",
        "token_label",
        "repository",
        "workspace",
        "event_id",
        "secret_id",
        "token_id",
        "auth_type",
        "scheme",
        "method",
    ];
    let line = |(number, (field, username)): (usize, (&str, &str))| {
        let mut line = json!({"time": format!("2026-07-02T06:{number:02}:12Z"), "host": "api.bitbucket.org", "method": "GET", "status": 200,
            "scheme": "basic", "secret_prefix": "ATBB", "username": username, "path": format!("/2.0/repositories/acme/{}", own.nickname)});
        line[field] = json!(told);
        line.to_string() + "\n"
    };
    let users = [own.nickname.as_str(), "svc-gossip", ""];
    let pairs = fields.iter().flat_map(|field| users.map(|user| (*field, user)));
    fs::write(site.path("gossip.jsonl"), pairs.enumerate().map(line).collect::<String>()).unwrap();
    said(site, &["import", "--format", "json", site.path("gossip.jsonl").to_str().unwrap()]);
}

fn said(site: &Site, arguments: &[&str]) -> (String, String) {
    let ran = duskwatch(site, arguments);
    assert!(ran.status == 0 || ran.status == 2, "{arguments:?}: {ran:#?}");
    (arguments.join(" "), ran.out + &ran.err)
}

/// What every command says, and every file that one writes.
fn outputs(site: &Site, report: &Value) -> Vec<(String, String)> {
    let mut outputs: Vec<(String, String)> = Vec::new();
    for audience in ["security", "leadership"] {
        for format in ["text", "html", "json"] {
            outputs.push(said(site, &["report", "--audience", audience, "--format", format]));
        }
    }
    for team in report["campaigns"][0]["teams"].as_array().unwrap() {
        let audience = format!("owner:{}", team["owner"].as_str().unwrap());
        for format in ["text", "json"] {
            outputs.push(said(site, &["report", "--audience", &audience, "--format", format]));
        }
    }
    outputs.push(said(site, &["status"]));
    outputs.push(said(site, &["status", "--format", "json"]));
    outputs.push(said(site, &["check", "--offline"]));
    outputs.push(said(site, &["report", "--as-of", "2026-06-20"]));
    outputs.push(said(site, &["export"]));
    outputs.push(said(site, &["reclassify", "--dry-run"]));
    for row in integrations(report).iter().take(12) {
        for format in ["text", "json"] {
            outputs.push(said(site, &["explain", row["integration"].as_str().unwrap(), "--format", format]));
        }
        outputs.push(said(site, &["explain", row["user"].as_str().unwrap()]));
    }
    outputs.push(said(site, &["explain", "mira.tessle"]));
    let package = files(&site.path("csv"));
    assert!(package.len() > 8, "{package:?}");
    outputs.extend(package.iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())));
    outputs
}

/// The mails to everybody, owners too, and the names of what is attached to them.
fn letters(judged: &Judged, report: &Value) -> Vec<(String, String)> {
    let teams = report["campaigns"][0]["teams"].as_array().unwrap().iter().map(|team| team["owner"].as_str().unwrap());
    let owners = teams.filter(|owner| !owner.is_empty()).map(|owner| Audience::Owner(owner.to_owned()));
    let letter = |audience: Audience| {
        let letter = judged.letter(&audience);
        let files: Vec<&str> = letter.attachments.iter().map(|file| file.name.as_str()).collect();
        let parts = [letter.subject, letter.text, letter.html, files.join(" ")];
        (format!("mail to {audience}"), parts.join("\n"))
    };
    Audience::WHOLE.into_iter().chain(owners).map(letter).collect()
}

/// Every page that is served, filtered and sorted ones too, and every file behind them.
async fn pages(engine: &Engine, judged: &Judged, report: &Value) -> Vec<(String, String)> {
    let mut paths: BTreeSet<String> =
        ["/coverage", "/forecasts", "/report.json", "/calendar.ics", "/metrics", "/readyz", "/healthz"]
            .into_iter()
            .chain(["/", "/?sort=user", "/?sort=team&reverse=1", "/?status=active&grade=proven", "/?q=person", "/teams/-"])
            .map(str::to_owned)
            .collect();
    for row in integrations(report) {
        let text = |field: &str| row[field].as_str().unwrap();
        paths.extend([format!("/integrations/{}", text("integration")), format!("/?q={}", text("integration"))]);
        paths.extend([format!("/users/{}", encoded(text("user"))), format!("/teams/{}", encoded(text("owner")))]);
        paths.insert(format!("/?team={}&client={}", encoded(text("owner")), encoded(text("client"))));
    }
    let stop = CancellationToken::new();
    let address = engine.serve_once(judged, stop.clone()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut shown = Vec::new();
    for path in paths {
        let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
        let found = answer.status().is_success();
        assert!(found || path.ends_with('/') || path == "/readyz", "{path}: {}", answer.status());
        shown.push((path, answer.text().await.unwrap().replace("\r\n ", "")));
    }
    stop.cancel();
    assert!(
        shown.iter().any(|(path, page)| path.starts_with("/users/person") && page.contains("Credentials by day")),
        "no chart"
    );
    shown
}

type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A collector and receiver of webhooks that keeps everything it is sent: where to, and the text in it.
async fn listener() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let shared = Arc::clone(&heard);
    let app = Router::new().fallback(move |uri: Uri, body: Bytes| {
        // Protocol buffers hold their texts as they are.
        let told = (uri.path().to_owned(), String::from_utf8_lossy(&body).into_owned());
        shared.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        async { "" }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, heard)
}

/// What was heard since this was asked last.
fn take(heard: &Heard) -> Vec<(String, String)> {
    std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ids of integrations as they are made where no key joins the names.
fn computable_ids(site: &Site, client: &str, origin: &str) -> Vec<String> {
    let digest = |user: &String| Sha256::digest([user.as_str(), client, origin].join("\0"));
    let users = site.world.truth().users().iter().flat_map(|user| {
        let names = [&user.nickname, &user.display_name].map(|name| format!("name:{name}"));
        names.into_iter().chain([format!("email:{}", user.email), user.account_id.clone()])
    });
    users.map(|user| BASE32_NOPAD.encode(&digest(&user)[..5]).to_lowercase()).collect()
}

/// What the page answers to somebody who knows a name.
async fn asked_by_name(engine: &Engine, name: &str) -> Vec<(u16, String)> {
    let judged = engine.judge(at(NOW)).await.unwrap();
    let stop = CancellationToken::new();
    let address = engine.serve_once(&judged, stop.clone()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = Vec::new();
    for place in ["users", "integrations"] {
        let answer = client.get(format!("http://{address}/{place}/{name}")).send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    stop.cancel();
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_a_name_is_not_led_to_a_pseudonym() {
    let site = Site::grown(&small_world(29, at(NOW), 25), ServeOptions::default()).await;
    hide_people(&site, "");
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    let two: Vec<_> = site.world.truth().users().iter().filter(|user| !user.service).take(2).collect();
    let rows = two.iter().map(|user| format!("{},twin\n", user.account_id));
    fs::write(site.path("people.csv"), format!("account_id,nickname\n{}", rows.collect::<String>())).unwrap();
    said(&site, &["import", "--format", "directory", site.path("people.csv").to_str().unwrap()]);
    for name in ["twin", &two[0].nickname] {
        for (status, page) in asked_by_name(&engine, name).await {
            assert!(status == 404 && !page.contains("person-"), "{name}: {status} {page}");
        }
    }

    let report: Value = serde_json::from_str(&engine.judge(at(NOW)).await.unwrap().json()).unwrap();
    let humans = integrations(&report).iter().filter(|row| row["user"].as_str().unwrap().starts_with("person-"));
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let mut looked_at = 0;
    for row in humans {
        let ids = computable_ids(&site, &text(row, "client"), &text(row, "origin"));
        assert!(!ids.contains(&text(row, "integration")), "the id of {row} tells whose it is");
        looked_at += 1;
    }
    assert!(looked_at > 3, "{looked_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_only_evidence_tells_is_its_owners_word_too() {
    let site = Site::grown(&small_world(29, at(NOW), 25), ServeOptions::default()).await;
    hide_people(&site, "");
    let line = serde_json::json!({"time": "2026-07-02T10:00:00Z", "host": "api.bitbucket.org", "scheme": "basic", "status": 200,
        "secret_prefix": "ATBB", "username": "somebody.new", "path": "/2.0/repositories/acme/x", "token_label": "Mara's MacBook"});
    fs::write(site.path("hand.jsonl"), line.to_string()).unwrap();
    said(&site, &["import", "--format", "json", site.path("hand.jsonl").to_str().unwrap()]);
    let (_, report) = said(&site, &["report", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let row = &integrations(&report)[0];
    assert!(row["origin"].as_str().unwrap().starts_with("label-"), "{row}");
    let (_, explained) = said(&site, &["explain", row["integration"].as_str().unwrap()]);
    for shown in [report.to_string(), explained] {
        assert!(shown.contains("label-") && !shown.contains("Mara"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_names_a_human_and_machines_keep_their_names() {
    let site = Site::grown(&small_world(29, at(NOW), 25), ServeOptions::default()).await;
    hide_people(&site, "[otel]\ntop = 20\n");
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    gossip(&site);
    let judged = engine.judge(at(NOW)).await.unwrap();
    let report: Value = serde_json::from_str(&judged.json()).unwrap();

    let mut outputs = outputs(&site, &report);
    outputs.extend(letters(&judged, &report));
    outputs.extend(pages(&engine, &judged, &report).await);
    let figures = engine.figures(&judged.measured(), at(NOW)).await.unwrap();
    outputs.push(("metrics".to_owned(), format!("{figures:?}")));
    assert_nobody_is_named(&site, &outputs);

    let people = integrations(&report).iter().filter(|row| row["user"].as_str().unwrap().starts_with("person-")).count();
    let machines = integrations(&report).iter().filter(|row| row["user_name"].as_str().unwrap().ends_with("(service)")).count();
    assert!(people > 3 && machines > 0, "{people} people, {machines} machines");
    // The next process shows the same ones, and finds who is asked for by one.
    let again = engine.judge(at(NOW)).await.unwrap().json();
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["users"], report["users"]);
    let row = integrations(&report).iter().find(|row| row["user"].as_str().unwrap().starts_with("person-")).unwrap();
    let asked = duskwatch(&site, &["explain", row["user"].as_str().unwrap(), "--format", "json"]);
    let explained: Value = serde_json::from_str(&asked.out).unwrap();
    let ids: Vec<&Value> = explained["integrations"].as_array().unwrap().iter().map(|row| &row["integration"]).collect();
    assert!(ids.contains(&&row["integration"]), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_by_itself_names_nobody_either() {
    let mut site = Site::new(&small_world(29, at(NOW), 25), ServeOptions::default()).await;
    let ((url, heard), mails) = (listener().await, MailServer::start().await);
    let (security, board) = ("security@example.test", "board@example.test");
    let sections = format!(
        "[otel]\nendpoint = {url:?}\nlogs = true\ntraces = true\ntop = 20\n[schedule]\nnotices = \"0 9 * * *\"\n\
         [[webhook]]\nurl = \"{url}/hook\"\nsecret = \"file:{}\"\n\
         [email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n\
         [[email.recipient]]\naddress = {security:?}\naudience = \"security\"\n\
         [[email.recipient]]\naddress = {board:?}\naudience = \"leadership\"\n",
        site.path("hook.secret").display(),
        mails.url,
    );
    let secret = data_encoding::BASE64.encode(&[7; 32]);
    fs::write(site.path("hook.secret"), format!("whsec_{secret}")).unwrap();
    hide_people(&site, &sections);
    let yesterday = days_before(at(NOW), 1);
    site.grow(yesterday);
    let engine = site.engine();
    site.poll(&engine, yesterday).await;
    engine.judge(yesterday).await.unwrap();
    site.grow(at(NOW));
    gossip(&site);
    site.poll(&engine, at(NOW)).await;
    let judged = engine.judge(at(NOW)).await.unwrap();

    assert_eq!(engine.send_events(at(NOW), at(NOW)).await.unwrap().problem(), None);
    let exporter = engine.start_exporter().unwrap().unwrap();
    engine.send_changes(Some(&exporter), at(NOW)).await.unwrap();
    for sent in engine.send_now(None, at(NOW)).await.unwrap() {
        assert_eq!(sent.problem(), None, "{sent}");
    }
    drop((exporter, judged, engine));
    // The service's own log and traces, of rounds and judgements.
    let mut service = Service::start(&site);
    service.wait_for("round done", &["audit/acme".to_owned(), "log/egress".to_owned()]);
    let (ended, log) = service.terminate();
    assert!(ended.success(), "{log}");

    let mut outputs = take(&heard);
    for (place, told) in
        [("/hook", "person-"), ("/v1/metrics", "duskwatch.integrations"), ("/v1/logs", "duskwatch"), ("/v1/traces", "round")]
    {
        assert!(outputs.iter().any(|(path, text)| path == place && text.contains(told)), "{told} did not come to {place}");
    }
    assert!(outputs.iter().any(|(_, text)| text.contains("duskwatch.integration.changed")), "no change came");
    let arrived = mails.take();
    assert!(arrived.len() > 3, "{} mails", arrived.len());
    outputs.extend(arrived.into_iter().map(|mail| (format!("mail to {}", mail.to), quoted_printable(&mail.text))));
    outputs.push(("the service's log".to_owned(), log));
    assert_nobody_is_named(&site, &outputs);
}

/// The text that was written as quoted-printable.
fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'=').then(|| after.get(..2)).flatten();
        let decoded = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
