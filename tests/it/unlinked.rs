//! An organisation whose workspaces are not linked to it: its audit log is well, and empty of everything that matters.

use std::fs;

use axum::{Router, routing::get};
use duskwatch::simulator::ServeOptions;

use crate::support::{NOW, Site, at, small_world};

const ACTIONS: &str = r#"{"data": [{"id": "jira_issue_viewed", "type": "event-actions",
    "attributes": {"displayName": "Viewed issue", "groupDisplayName": "Jira"}}]}"#;

/// An organisation of which the catalogue names no action of Bitbucket.
pub async fn without_bitbucket() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/admin/v1/orgs/{id}/event-actions", get(|| async { ACTIONS }))
        .route("/admin/v1/orgs/{id}/events-stream", get(|| async { r#"{"data": [], "meta": {"next": null}}"# }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_without_bitbucket_is_a_warning_and_no_failure() {
    let site = Site::new(&small_world(41, at(NOW), 5), ServeOptions::default()).await;
    let linked = site.engine();
    let poll = ["audit/acme".to_owned()];
    assert_eq!(linked.poll(&poll, None, at(NOW)).await.unwrap().failed, Vec::<String>::new());
    let warning = |report: &serde_json::Value| report["coverage"]["sources"][0]["warning"].as_str().unwrap().to_owned();
    assert_eq!(warning(&site.report(&linked, at(NOW)).await), "");
    drop(linked);

    let config = fs::read_to_string(site.config()).unwrap();
    let elsewhere = config.replacen(&site.server.atlassian_url(), &without_bitbucket().await, 1);
    fs::write(site.config(), elsewhere).unwrap();
    let unlinked = site.engine();
    assert_eq!(unlinked.poll(&poll, None, at(NOW)).await.unwrap().failed, Vec::<String>::new());
    let report = site.report(&unlinked, at(NOW)).await;
    assert!(warning(&report).contains("link the workspaces to the organisation"), "{report:#}");
}
