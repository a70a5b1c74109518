//! The journal: what commands that write accept of the configuration, and what they do for the record.

use std::{fs, path::Path};

use duskwatch::{
    evidence::journal::{JournalEntry, first_break},
    simulator::ServeOptions,
    store::{Reader, Store},
};

use crate::support::{NOW, Site, at, program::duskwatch, small_world};

async fn journal(site: &Site) -> Vec<JournalEntry> {
    let entries = Store::open_read_only(&site.store()).unwrap().read(Reader::journal).await.unwrap();
    assert_eq!(first_break(&entries), None);
    entries
}

fn add(site: &Site, section: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + section).unwrap();
}

#[track_caller]
fn well(site: &Site, arguments: &[&str]) -> String {
    let ran = duskwatch(site, arguments);
    assert_eq!(ran.status, 0, "{arguments:?}: {ran:#?}");
    ran.out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_configuration_is_journalled_once_by_the_command_that_meets_it_first() {
    let site = Site::grown(&small_world(21, at(NOW), 3), ServeOptions::default()).await;
    let nothing = site.path("nothing.jsonl");
    fs::write(&nothing, "").unwrap();
    let import = ["import", "--format", "json", nothing.to_str().unwrap()];
    well(&site, &import);
    let first: Vec<_> = journal(&site).await.into_iter().map(|entry| entry.action).collect();
    assert_eq!(first, ["owners", "dates", "rules", "clients", "origins"]);
    for quiet in [&import[..], &["poll", "--source", "tokens/acme"], &["report"], &["export"]] {
        well(&site, quiet);
        assert_eq!(journal(&site).await.len(), 5, "{quiet:?}");
    }

    add(
        &site,
        "[[waiver]]\nintegration = \"k7m2qd4x\"\nuntil = \"2026-08-31\"\nrequester = \"payments\"\napprover = \"CISO\"\nticket = \"SEC-1\"\n\
         reason = \"vendor release\"\n[[campaign]]\nfile = \"builtin:bitbucket-app-passwords\"\nremoval = \"2026-09-01T00:00:00Z\"\n",
    );
    fs::write(
        site.path("rules.toml"),
        "[[before]]\nid = \"vault\"\nreason = \"ours\"\nwhen = { user_agent = { prefix = \"vault/\" } }\ncredential = \"api_token\"\n\
         grade = \"strong\"\n",
    )
    .unwrap();
    add(&site, &format!("[rules]\nfile = {:?}\n", site.path("rules.toml").display().to_string()));
    well(&site, &["poll", "--source", "tokens/acme"]);
    let entries = journal(&site).await;
    let told: Vec<_> = entries[5..].iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    assert_eq!(told.iter().map(|(action, _)| *action).collect::<Vec<_>>(), ["waivers", "dates", "rules"]);
    assert_eq!(
        told[0].1,
        "first accepted: k7m2qd4x (until 2026-08-31, asked by payments, approved by CISO, SEC-1: vendor release)"
    );
    assert!(
        told[1].1.starts_with("changed bitbucket-app-passwords (was freeze ") && told[1].1.contains("removal 2026-09-01"),
        "{told:?}"
    );
    assert_eq!(told[2].1, "added vault (user_agent begins with \"vault/\": api_token, strong)");
    assert!(entries[5].actor.ends_with("(duskwatch poll)"), "{entries:?}");

    let package = well(&site, &["export"]);
    let csv = fs::read_to_string(Path::new(package.trim()).join("journal.csv")).unwrap();
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows.len(), 1 + entries.len());
    assert!(rows[0] == "sequence,time,actor,action,detail,hash" && rows[8].ends_with(&entries[7].hash), "{csv}");
    let earlier = well(&site, &["export", "--as-of", "2026-07-01", "--output", site.path("earlier").to_str().unwrap()]);
    assert_eq!(fs::read_to_string(Path::new(earlier.trim()).join("journal.csv")).unwrap().lines().count(), 1);
}
