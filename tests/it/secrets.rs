//! No secret that anything read or was told is found in anything written.

use std::{collections::BTreeSet, fs};

use data_encoding::BASE64;
use duskwatch::{
    daemon::Reader,
    evidence::{Day, chunk},
    report::Audience,
    simulator::ServeOptions,
    store::Store,
};
use serde_json::Value;

use crate::support::{NOW, Site, at, files, small_world};

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

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_store_or_any_output() {
    let world = small_world(9, at(NOW), 60);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let secrets = secrets(&site);
    assert!(secrets.len() > 12, "{secrets:?}");
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
    for audience in Audience::ALL {
        written.push((audience.to_string(), engine.compose(*audience, &judged, at(NOW)).unwrap()));
    }
    let own = [site.path("organization.key"), site.path("workspace.key")];
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
