//! The pages behind the rows, as the service answers them: what they say is what `explain` says.

use std::{fs, net::SocketAddr, sync::Arc};

use duskwatch::{daemon::Engine, simulator::ServeOptions};
use reqwest::{Client, redirect::Policy};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::{
    NOW, Site, at, integrations,
    program::{Ran, duskwatch},
    small_world,
};

/// A polled organisation whose page is served.
struct Shown {
    site: Site,
    report: Value,
    address: SocketAddr,
    client: Client,
    stop: CancellationToken,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn shown() -> Shown {
    let site = Site::grown(&small_world(23, at(NOW), 20), ServeOptions::default()).await;
    let engine: Arc<Engine> = site.engine();
    site.poll(&engine, at(NOW)).await;
    let judged = engine.judge(at(NOW)).await.unwrap();
    let report = serde_json::from_str(&judged.json()).unwrap();
    let stop = CancellationToken::new();
    let address = engine.serve_once(&judged, stop.clone()).await.unwrap();
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    Shown { site, report, address, client, stop }
}

impl Shown {
    /// The status, where it leads, and the words without their markup's escapes.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap();
        let location = answer.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = answer.status().as_u16();
        let html = answer.text().await.unwrap();
        (status, location, html.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&amp;", "&"))
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

/// A name as a segment of a path.
pub fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_leads_to_its_evidence_and_the_rules_that_graded_it() {
    let shown = shown().await;
    let rows: Vec<&Value> = integrations(&shown.report).iter().filter(|row| !row["rank"].is_null()).collect();
    assert!(rows.len() > 5, "{} ranked", rows.len());
    let (_, _, page) = shown.get("/").await;
    for row in rows.iter().take(12) {
        let id = text(row, "integration");
        assert!(page.contains(&format!("href=\"/integrations/{id}\"")), "{id}");
        let (status, _, html) = shown.get(&format!("/integrations/{id}")).await;
        assert_eq!(status, 200, "{id}");
        let Ran { status, out, err } = duskwatch(&shown.site, &["explain", id, "--format", "json", "--limit", "200"]);
        assert_eq!(status, 0, "{err}");
        let explained: Value = serde_json::from_str(&out).unwrap();
        let evidence = html.split("aria-labelledby=\"evidence\"").nth(1).unwrap().split("</table>").next().unwrap();
        let pieces = explained["evidence"].as_array().unwrap();
        assert_eq!(evidence.matches("<tr>").count() - 1, pieces.len(), "{id}: the same pieces");
        for rule in explained["rules"].as_array().unwrap() {
            assert!(html.contains(text(rule, "rule")), "{id}: {rule}");
        }
        assert!(html.contains(&format!("<b class=\"{0}\">{0}</b>", text(row, "status"))), "{id}: its status");
        assert!(html.contains("<svg") && html.contains("What would change this verdict"), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_any_name_and_what_is_unknown_is_not_found() {
    let shown = shown().await;
    let user = shown.report["users"].as_array().unwrap().iter().find(|user| {
        user["remaining_integrations"].as_u64() > Some(0)
            && !text(user, "user_email").is_empty()
            && !text(user, "user_name").is_empty()
    });
    let user = user.unwrap();
    let path = format!("/users/{}", encoded(text(user, "user")));
    let (status, _, html) = shown.get(&path).await;
    assert_eq!(status, 200, "{path}");
    for words in [text(user, "user_name"), text(user, "user_email"), "Evidence, newest first", "Credentials by day"] {
        assert!(html.contains(words), "{words}");
    }
    let (status, location, _) = shown.get(&format!("/users/{}", encoded(text(user, "user_email")))).await;
    assert_eq!((status, location.to_lowercase()), (307, path.replace("%3a", "%3A").replace("%2d", "-").to_lowercase()));
    let owned = integrations(&shown.report).iter().find(|row| !text(row, "owner").is_empty()).unwrap();
    let (status, _, html) = shown.get(&format!("/teams/{}", encoded(text(owned, "owner")))).await;
    assert!(status == 200 && html.contains(text(owned, "integration")), "{html}");
    for path in ["/coverage", "/forecasts", "/?status=failing&sort=last_seen&reverse=1"] {
        assert_eq!(shown.get(path).await.0, 200, "{path}");
    }
    for path in [
        "/integrations/aaaaaaaa".to_owned(),
        "/users/nobody-at-all".to_owned(),
        "/teams/nobody-at-all".to_owned(),
        // One kind of name under the address of the other.
        format!("/users/{}", text(owned, "integration")),
        format!("/integrations/{}", encoded(text(user, "user"))),
        "/integrations/%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
    ] {
        let (status, _, html) = shown.get(&path).await;
        assert!(status == 404 && html.contains("<h1>") && !html.contains("<script>alert"), "{path}: {status} {html}");
    }
    assert_eq!(shown.get("/?status=nonsense").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_cannot_be_read_rows_are_shown_without_their_evidence() {
    let shown = shown().await;
    for name in ["duskwatch.db", "duskwatch.db-wal"] {
        let length = fs::metadata(shown.site.path(name)).map_or(0, |file| file.len());
        fs::write(shown.site.path(name), vec![7; usize::try_from(length).unwrap()]).unwrap();
    }
    let row = integrations(&shown.report).iter().find(|row| !row["rank"].is_null()).unwrap();
    let (status, _, html) = shown.get(&format!("/integrations/{}", text(row, "integration"))).await;
    assert_eq!(status, 200);
    assert!(html.contains("The store cannot be read now") && html.contains("What would change this verdict"), "{html}");
    assert_eq!(shown.get("/").await.0, 200);
}
