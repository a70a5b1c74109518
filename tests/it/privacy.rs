//! Under pseudonyms nothing that leaves names a human: every name of a simulated organisation is searched for in everything
//! that the program says and writes.

use std::fs;

use data_encoding::BASE32_NOPAD;
use duskwatch::{daemon::Engine, report::Audience, simulator::ServeOptions};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::support::{NOW, Site, at, file_name, files, integrations, program::duskwatch, small_world};

/// Everything that a person may be recognised by.
fn names(site: &Site) -> Vec<String> {
    let humans = site.world.truth().users().iter().filter(|user| !user.service);
    let names = humans.flat_map(|user| {
        let names = [&user.account_id, &user.uuid, &user.nickname, &user.display_name, &user.email];
        names.map(|name| name.to_lowercase())
    });
    names.collect()
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
        outputs.push(said(site, &["report", "--audience", &audience, "--format", "text"]));
    }
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
    outputs.extend(package.iter().map(|path| (file_name(path).to_owned(), fs::read_to_string(path).unwrap())));
    outputs
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
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + "[privacy]\npeople = \"pseudonyms\"\n").unwrap();
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
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + "[privacy]\npeople = \"pseudonyms\"\n").unwrap();
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
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + "[privacy]\npeople = \"pseudonyms\"\n").unwrap();
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    let judged = engine.judge(at(NOW)).await.unwrap();
    let report: Value = serde_json::from_str(&judged.json()).unwrap();

    let mut outputs = outputs(&site, &report);
    for audience in Audience::WHOLE {
        let letter = judged.letter(&audience);
        outputs.push((format!("mail to {audience}"), format!("{}\n{}\n{}", letter.subject, letter.text, letter.html)));
    }
    outputs.push(("calendar".to_owned(), judged.calendar().replace("\r\n ", "")));
    let figures = engine.figures(&judged.measured(), at(NOW)).await.unwrap();
    outputs.push(("metrics".to_owned(), format!("{figures:?}")));
    let names = names(&site);
    assert!(names.len() > 100, "{}", names.len());
    for (output, text) in &outputs {
        let text = text.to_lowercase();
        let found: Vec<&String> = names.iter().filter(|name| text.contains(name.as_str())).collect();
        assert!(found.is_empty(), "{output} names {found:?}");
    }

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
