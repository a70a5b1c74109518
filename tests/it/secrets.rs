//! No secret that anything read or was told is found in anything written.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use data_encoding::BASE64;
use duskwatch::{
    daemon::Reader,
    evidence::{Day, chunk},
    report::Audience,
    simulator::ServeOptions,
    store::Store,
};
use serde_json::Value;

use crate::support::{NOW, Site, at, files, program::Service, small_world};

/// Chunks that one track may be in; a test world has a few dozen.
const MAX_CHUNKS: usize = 10_000;

/// Every secret of the careless lines, as it stands there and decoded, and our own keys.
fn secrets(site: &Site) -> BTreeSet<String> {
    let keys = ServeOptions::default();
    let mut found = BTreeSet::from([keys.organization_key, keys.workspace_token]);
    for (_, line) in site.lines() {
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some((_, value)) = line["authorization"].as_str().and_then(|header| header.split_once(' ')) else { continue };
        found.insert(value.to_owned());
        let decoded = BASE64.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, secret)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            found.insert(secret.to_owned());
            found.insert(BASE64.encode(secret.as_bytes()));
        }
    }
    found
}

/// What the compressed chunks of a store hold, as text.
async fn kept(site: &Site) -> String {
    let store = Store::open_read_only(&site.store()).unwrap();
    let read = store.read(|r| {
        let tracks = r.history(Day(i32::MAX))?.tracks;
        r.chunks_of(&tracks, Day::of(at("2026-05-01T00:00:00Z")), Day::of(at(NOW)), MAX_CHUNKS)
    });
    // A chunk comes once for each track and day that it holds.
    let chunks: BTreeSet<Vec<u8>> = read.await.unwrap().into_iter().map(|kept| kept.chunk.bytes).collect();
    assert!(chunks.len() > 4, "{} chunks", chunks.len());
    chunks.iter().map(|bytes| format!("{:?}", chunk::decode(bytes).unwrap())).collect::<Vec<_>>().join("\n")
}

/// Sends the same careless lines, and some that are no evidence, through the door of the intake; what it answered and logged.
async fn push(site: &Site, secrets: &mut BTreeSet<String>) -> Vec<(String, Vec<u8>)> {
    const TOKEN: &str = "q7ZkP0sender0token0Yw";
    const WRONG: &str = "q7ZkP0nobodys0token0Yw";
    fs::write(site.path("sender.key"), TOKEN).unwrap();
    let config = fs::read_to_string(site.config()).unwrap();
    let sender = format!("[[http.intake]]\nname = \"ci\"\ntoken = \"file:{}\"\n", site.path("sender.key").display());
    fs::write(site.config(), config + &sender).unwrap();
    let careless: Vec<String> = site.lines().into_iter().map(|(_, line)| line).collect();
    let misplaced: Vec<String> = secrets
        .iter()
        .flat_map(|secret| {
            [format!("Authorization: Bearer {secret}"), format!("{{\"password\": {secret:?}}}"), format!("{{{secret:?}: 1")]
        })
        .collect();
    secrets.extend([TOKEN, WRONG].map(str::to_owned));
    let (service, url) = Service::serving(site);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = String::new();
    for (token, lines) in [(TOKEN, &careless), (TOKEN, &misplaced), (TOKEN, &misplaced[..1].to_vec()), (WRONG, &careless)] {
        let request = client.post(format!("{url}/v1/evidence")).bearer_auth(token).body(lines.join("\n"));
        let answer = request.send().await.unwrap();
        writeln!(answers, "{} {:?} {}", answer.status(), answer.headers().clone(), answer.text().await.unwrap()).unwrap();
    }
    assert!(answers.starts_with("200 OK") && answers.contains("400 Bad Request"), "{answers}");
    assert!(answers.contains("401 Unauthorized"), "{answers}");
    let (_, log) = service.terminate();
    assert!(log.contains("evidence was pushed"), "{log}");
    vec![("answers".to_owned(), answers.into_bytes()), ("log".to_owned(), log.into_bytes())]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_store_or_any_output() {
    let world = small_world(9, at(NOW), 60);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let mut secrets = secrets(&site);
    assert!(secrets.len() > 12, "{secrets:?}");
    let pushed = push(&site, &mut secrets).await;
    let engine = site.engine();
    let outcome = site.poll(&engine, at(NOW)).await;
    let judged = engine.judge(at(NOW)).await.unwrap();
    judged.write_package(&site.path("csv"), 30).unwrap();
    let mut written: Vec<(String, Vec<u8>)> = vec![
        ("lines".to_owned(), outcome.lines.join("\n").into_bytes()),
        ("page".to_owned(), judged.html(&Reader::Security).into_bytes()),
        ("brief".to_owned(), judged.html(&Reader::Leadership).into_bytes()),
        ("json".to_owned(), judged.json().into_bytes()),
        ("text".to_owned(), judged.text(&Reader::Security, 200).into_bytes()),
        ("options".to_owned(), format!("{:?}", site.options()).into_bytes()),
        ("chunks".to_owned(), kept(&site).await.into_bytes()),
    ];
    written.extend(pushed);
    for audience in Audience::ALL {
        written.push((audience.to_string(), engine.compose(*audience, &judged, at(NOW)).unwrap()));
    }
    let own = ["organization.key", "workspace.key", "sender.key"].map(|name| site.path(name));
    for path in files(site.dir.path()).into_iter().filter(|path| !path.starts_with(site.logs()) && !own.contains(path)) {
        written.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    assert!(written.iter().any(|(name, _)| name.ends_with("duskwatch.db-wal")), "the store's log is looked at too");
    for (name, bytes) in &written {
        let text = String::from_utf8_lossy(bytes);
        let found: Vec<_> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{name} holds {found:?}");
    }
}
