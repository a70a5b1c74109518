//! People across the border: under pseudonyms none is named, and who is forgotten does not come back.

use std::{collections::BTreeMap, fs};

use duskwatch::simulator::ServeOptions;
use serde_json::Value;

use super::{Party, WEST, exchanges, party};
use crate::support::{NOW, Site, at, days_before, integrations, small_world};

/// How many integrations have each status, and what machine, client and origin each row of a rank has.
fn standing(report: &Value) -> (BTreeMap<String, usize>, Vec<String>) {
    let mut statuses = BTreeMap::new();
    let mut rows = Vec::new();
    for row in integrations(report) {
        *statuses.entry(row["status"].to_string()).or_default() += 1;
        rows.push(format!(
            "{} {} {} {} {}",
            row["status"], row["client"], row["grade"], row["uses_30d"], row["repository_count"]
        ));
    }
    rows.sort();
    (statuses, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_pseudonyms_no_human_is_named_across_the_border_and_the_ranking_stays() {
    let site = Site::grown(&small_world(49, at(NOW), 30), ServeOptions::default()).await;
    let services: Vec<_> = site.world.truth().users().iter().filter(|user| user.service).map(|user| &user.nickname).collect();
    let hidden = format!("{}[privacy]\npeople = \"pseudonyms\"\nmachines = {services:?}\n", WEST.section());
    let west = Party::new(&site, &party::logs(&site), true, &hidden);
    west.poll(NOW).await;
    let named = west.report(NOW).await;
    let file = west.hand_over(None, NOW).await;
    let text = String::from_utf8(zstd::decode_all(fs::File::open(&file).unwrap()).unwrap()).unwrap().to_lowercase();
    let truth = site.world.truth();
    let (mut humans, mut machines) = (0, 0);
    for user in truth.users() {
        let names = [&user.account_id, &user.uuid, &user.nickname, &user.display_name, &user.email];
        let found: Vec<_> = names.into_iter().filter(|name| text.contains(&format!("\"{}\"", name.to_lowercase()))).collect();
        if user.service {
            machines += usize::from(!found.is_empty());
        } else {
            humans += 1;
            assert!(found.is_empty(), "{found:?} in the file");
        }
    }
    assert!(humans > 10 && machines > 0, "{humans} humans, {machines} machines by name");
    assert!(text.contains("\"account_id\":\"person-"));
    let reporter = Party::new(&site, &[], false, &exchanges("36h"));
    reporter.take(&file, NOW).await.unwrap();
    assert_eq!(standing(&reporter.report(NOW).await), standing(&named));
    // The same key makes the same pseudonyms.
    let again = west.hand_over(None, "2026-07-03T08:00:00Z").await;
    let again = String::from_utf8(zstd::decode_all(fs::File::open(&again).unwrap()).unwrap()).unwrap().to_lowercase();
    let body =
        |text: &str| text.lines().filter(|line| line.starts_with("{\"kind\":\"track\"")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&again), body(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_file_does_not_bring_back_on_old_days_whom_the_reporter_forgot() {
    let world = small_world(50, at(NOW), 10);
    let mut site = Site::new(&world, ServeOptions::default()).await;
    let west = Party::new(&site, &party::logs(&site), false, &WEST.section());
    let before = days_before(at(NOW), 1);
    site.grow(before);
    let before = before.to_string();
    west.poll(&before).await;
    let reporter = Party::new(&site, &[], false, &exchanges("36h"));
    reporter.take(&west.hand_over(None, &before).await, &before).await.unwrap();
    let picture = reporter.picture().await;
    let uses: u64 = picture.counts.values().map(|(uses, ..)| uses).sum();
    let user = picture.counts.keys().find_map(|(_, track, ..)| track.username.clone().filter(|name| name.len() > 3)).unwrap();
    let engine = reporter.engine();
    engine.forget(&user, at(&before), |_| {}).await.unwrap().unwrap();
    let named = |picture: &crate::support::picture::Picture| -> Vec<String> {
        let of = picture.counts.keys().filter(|(_, track, ..)| track.username.as_ref() == Some(&user));
        of.map(|(_, _, day, _)| day.to_string()).collect()
    };
    assert_eq!(named(&reporter.picture().await), Vec::<String>::new());
    // The instance still knows the person, and hands over the same days once more, and a new one.
    site.grow(at(NOW));
    west.poll(NOW).await;
    reporter.take(&west.hand_over(None, NOW).await, NOW).await.unwrap();
    let after = reporter.picture().await;
    let old: Vec<_> = named(&after).into_iter().filter(|day| day.as_str() < &before[..10]).collect();
    assert_eq!(old, Vec::<String>::new());
    let until = duskwatch::evidence::Day::of(at(&before));
    let kept: u64 = after.counts.iter().filter(|((_, _, day, _), _)| *day < until).map(|(_, (uses, ..))| uses).sum();
    let had: u64 = picture.counts.iter().filter(|((_, _, day, _), _)| *day < until).map(|(_, (uses, ..))| uses).sum();
    assert_eq!(kept, had, "no count is lost, of {uses}");
    assert!(named(&west.picture().await).len() > 1, "the instance still knows the person");
}
