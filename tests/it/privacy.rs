//! Under pseudonyms nothing that leaves names a human: every name of a simulated organisation is searched for in everything
//! that the program says and writes.

use std::fs;

use duskwatch::{report::Audience, simulator::ServeOptions};
use serde_json::Value;

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
