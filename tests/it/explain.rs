//! Every verdict in a report can be followed to its evidence.

use duskwatch::simulator::ServeOptions;
use serde_json::Value;

use crate::support::{
    NOW, Site, at, integrations,
    program::{Ran, duskwatch},
    small_world,
};

async fn polled() -> (Site, Value) {
    let site = Site::grown(&small_world(23, at(NOW), 20), ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    let report = site.report(&engine, at(NOW)).await;
    (site, report)
}

fn explained(site: &Site, subject: &str, more: &[&str]) -> Value {
    let arguments = [&["explain", subject, "--format", "json"], more].concat();
    let Ran { status, out, err } = duskwatch(site, &arguments);
    assert_eq!(status, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_followed_to_its_evidence() {
    let (site, report) = polled().await;
    let rows: Vec<&Value> = integrations(&report).iter().filter(|row| !row["rank"].is_null()).collect();
    assert!(rows.len() > 5, "{} ranked", rows.len());
    for row in &rows {
        let id = row["integration"].as_str().unwrap();
        let explained = explained(&site, id, &[]);
        let verdict = &explained["integrations"][0]["verdicts"][0];
        for field in ["status", "grade", "score", "reasons", "last_seen", "owner"] {
            assert_eq!(verdict[field], row[field], "{id}: {field}");
        }
        assert!(!verdict["would_change"].as_array().unwrap().is_empty(), "{id}");
        let steps = &explained["integrations"][0]["steps"];
        assert_eq!(steps["client"], row["client"], "{id}");
        let somewhere = row["repository_count"].as_u64() > Some(0);
        assert!(!somewhere || !steps["proofs"].to_string().contains("WORKSPACE/REPOSITORY"), "{id}: {steps}");
        // Nothing is left out, everything is in order, and the newest legacy use is the row's.
        assert!(explained["more"].is_null(), "{id}: {}", explained["more"]);
        let pieces = explained["evidence"].as_array().unwrap();
        assert!(
            pieces
                .iter()
                .all(|piece| piece["kept"] == true && piece["integration"] == id && piece["recorded_otherwise"] == false)
        );
        assert!(pieces.is_sorted_by(|a, b| instant(&a["time"]) >= instant(&b["time"])), "{id}");
        let legacy = |piece: &&Value| piece["credential"] == "app_password" || piece["lifted_credential"] == "app_password";
        let newest = pieces
            .iter()
            .filter(legacy)
            .map(|piece| instant(if piece["until"].is_null() { &piece["time"] } else { &piece["until"] }));
        assert_eq!(newest.max(), Some(instant(&row["last_seen"])), "{id}");
        let rules: Vec<&Value> = explained["rules"].as_array().unwrap().iter().map(|rule| &rule["rule"]).collect();
        assert!(pieces.iter().all(|piece| rules.contains(&&piece["rule"])), "{id}");
    }
}

fn instant(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_explained_on_a_terminal() {
    let (site, report) = polled().await;
    let row = integrations(&report).iter().max_by_key(|row| row["uses_30d"].as_u64()).unwrap();
    let id = row["integration"].as_str().unwrap();
    let ran = duskwatch(&site, &["explain", id, "--limit", "5"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let heading = format!("{id}  {} from {}", row["client"].as_str().unwrap(), row["origin"].as_str().unwrap());
    let status = format!("Verdict       {}", row["status"].as_str().unwrap());
    for words in [
        &heading,
        &status,
        "Terms",
        "Owner",
        "Would change",
        "Steps for",
        "Evidence, newest first",
        "more uses back to",
        "Rules that graded it",
    ] {
        assert!(ran.out.contains(words), "{words} is not in {}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "no colours without a terminal");
    let pieces = ran.out.lines().filter(|line| line.starts_with("  2026-")).count();
    assert_eq!(pieces, 5, "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_would_move_or_run_are_shown_as_they_are_spelt() {
    let site = Site::new(&small_world(23, at(NOW), 3), ServeOptions::default()).await;
    let line = serde_json::json!({
        "time": "2026-07-02T10:00:00Z", "host": "api.bitbucket.org", "scheme": "basic", "username": "mal\u{202e}lory", "status": 200,
        "workspace": "acme", "repository": "$(reboot)", "method": "GET", "path": "/2.0/repositories/acme/$(reboot)",
        "user_agent": "curl/8.5.0 \u{202e}evil"
    });
    std::fs::write(site.path("odd.jsonl"), line.to_string()).unwrap();
    let ran = duskwatch(&site, &["import", "--format", "json", site.path("odd.jsonl").to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let ran = duskwatch(&site, &["explain", "mal\u{202e}lory"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("mal\\u{202e}lory") && !ran.out.contains('\u{202e}'), "{}", ran.out);
    let ran = duskwatch(&site, &["explain", "mal\u{202e}lori"]);
    assert!(ran.status == 2 && ran.err.contains("mal\\u{202e}lory") && !ran.err.contains('\u{202e}'), "{}", ran.err);
    let id = explained(&site, "mal\u{202e}lory", &[])["integrations"][0]["integration"].as_str().unwrap().to_owned();
    let ran = duskwatch(&site, &["explain", &id]);
    assert!(ran.out.contains("--user EMAIL https://api.bitbucket.org/2.0/repositories/WORKSPACE/REPOSITORY"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_explained_and_nobody_is_refused_with_the_nearest_name() {
    let (site, report) = polled().await;
    let users = report["users"].as_array().unwrap();
    let user = users.iter().find(|user| user["remaining_integrations"].as_u64() > Some(0) && user["member"] == true).unwrap();
    let name = user["user_name"].as_str().unwrap();
    let explained = explained(&site, name, &["--limit", "3"]);
    assert_eq!(explained["user"]["user"], user["user"]);
    assert_eq!(explained["evidence"].as_array().unwrap().len(), 3);
    assert!(
        !explained["integrations"].as_array().unwrap().is_empty()
            && !explained["user"]["memberships"].as_array().unwrap().is_empty()
    );
    let misspelt = format!("{name}m");
    let ran = duskwatch(&site, &["explain", &misspelt]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:#?}");
    assert!(ran.err.contains(&format!("`{misspelt}`")) && ran.err.contains(&format!("did you mean `{name}`?")), "{}", ran.err);
    let ran = duskwatch(&site, &["explain", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "--limit", "1"]);
    assert_eq!(ran.status, 2);
    assert!(!ran.err.contains("did you mean"), "{}", ran.err);
    assert_eq!(duskwatch(&site, &["explain", name, "--limit", "0"]).status, 2);
}
