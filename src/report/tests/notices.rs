//! What an owner reads: their own rows, with all that is needed to move them, and nothing of anybody else's.

use super::{
    fixture::{World, acme, after_the_removal, at, empty, integration},
    snapshots::same_as_files,
};
use crate::{
    analysis::{Integration, Person},
    evidence::Status,
    report::{Notice, json, letter, notice},
};

/// Two of payments use Jenkins, one git; something of treasury stands between them.
fn world() -> World {
    let mut world = acme();
    for (number, row) in world.campaign().integrations.iter_mut().enumerate() {
        row.exposure.windows = vec![0.2, f64::from(u32::try_from(number).unwrap_or(0)), 0.9];
        row.exposure.by_hour[5..8].fill(2.0);
    }
    let treasury = Integration {
        owner: Some("treasury".to_owned()),
        user: Person { id: "712020:rival".to_owned(), name: Some("Ruth Rival".to_owned()), email: None },
        repositories: vec!["acme/treasury-vault".to_owned()],
        ..integration("s7t8u9v2", 2, Status::Active)
    };
    let campaign = world.campaign();
    campaign.integrations[0].secret_shared_with = vec!["q2w4e6r8".to_owned(), "s7t8u9v2".to_owned()];
    campaign.integrations.insert(1, treasury);
    let second = Integration { client: "jenkins".to_owned(), ..integration("c3d4e5f6", 5, Status::Active) };
    campaign.integrations.push(second);
    world
}

fn notice_to(world: &World, owner: &str) -> Notice {
    notice::of(&world.report(), owner, &world.clients)
}

fn documents(notice: &Notice) -> [String; 3] {
    let letter = letter::notice(notice, "security@acme.test");
    [letter.text, letter.html, json::text(notice)]
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn it_reads_well_as_plain_text_and_as_html() {
    let letter = letter::notice(&notice_to(&world(), "payments"), "security@acme.test");
    same_as_files(&[("notice.txt".to_owned(), letter.text), ("notice.html".to_owned(), letter.html)]);
}

#[test]
fn it_holds_the_owners_rows_and_nothing_of_another_team() {
    let notice = notice_to(&world(), "payments");
    let ids: Vec<&str> = notice.campaigns[0].integrations.iter().map(|row| row.row.integration.as_str()).collect();
    assert_eq!(ids, ["k7m2qd4x", "c3d4e5f6", "p5r8c2aa", "q2w4e6r8"], "one client's rows stand together");
    for document in documents(&notice) {
        for foreign in ["s7t8u9v2", "Rival", "treasury-vault", "m3x9t2wq", "backup-bot", "treasury"] {
            assert!(!document.contains(foreign), "{foreign} in {document}");
        }
    }
    assert_eq!(notice.campaigns[0].integrations[0].secret_shared_elsewhere, 1);
}

#[test]
fn each_row_says_where_it_runs_what_to_do_and_by_when() {
    let [text, html, _] = documents(&notice_to(&world(), "payments")).map(|document| flat(&document));
    for said in [
        "Mara Tessel, from build-farm",
        "acme/payments-api, acme/payments-web",
        "mostly 05:00\u{2013}08:00 UTC",
        "start by 13 Jun 2026 (passed)",
        "JENKINS CORE AND PLUGINS",
        "x-bitbucket-api-token-auth",
        "read:repository:bitbucket",
        "ls-remote https://x-bitbucket-api-token-auth@bitbucket.org/acme/payments-api.git",
        "acme/payments-api",
        "an e-mail address is its username on git",
    ] {
        assert!(text.contains(said), "{said} is missing in {text}");
    }
    assert!(html.contains("start by 13 Jun 2026") && html.contains("ls-remote https:"), "{html}");
}

#[test]
fn the_next_brownout_of_a_row_is_the_first_that_is_likely_to_hit_it() {
    let notice = notice_to(&world(), "payments");
    let report = world().report();
    let windows = &report.campaigns[0].windows;
    let of = |id: &str| {
        let row = notice.campaigns[0].integrations.iter().find(|row| row.row.integration == id);
        row.and_then(|row| row.next_brownout.as_ref()).map(|hit| hit.from)
    };
    assert_eq!(of("k7m2qd4x"), Some(windows[2].from), "0.2 and 0 uses are no hit");
    assert_eq!(of("q2w4e6r8"), Some(windows[1].from));
    assert_eq!(of("c3d4e5f6"), None, "nothing is known of it");
}

#[test]
fn the_subject_says_whose_how_many_and_how_long() {
    let subject = |world: &World, owner: &str| letter::notice(&notice_to(world, owner), "").subject;
    let payments = "[duskwatch] payments: 4 integrations still on app passwords, 1 failing, 25 days left";
    assert_eq!(subject(&world(), "payments"), payments);
    assert_eq!(
        subject(&after_the_removal(), "payments"),
        "[duskwatch] payments: 1 broken, 1 stale secret, day 116 after the removal"
    );
    assert_eq!(subject(&world(), "nobody"), "[duskwatch] nobody: nothing to do");
}

#[test]
fn after_the_removal_it_speaks_of_repair_and_of_no_start() {
    let mut world = after_the_removal();
    world.findings.tokens.clear();
    let [text, html, _] = documents(&notice_to(&world, "payments")).map(|document| flat(&document));
    for document in [text, html] {
        assert!(document.contains("1 integration fails now, and 1 stale secret is still tried"), "{document}");
        assert!(!document.contains("start by") && !document.contains("afe start"), "{document}");
    }
}

#[test]
fn it_ends_when_nothing_of_the_owners_is_left() {
    let mut world = world();
    for row in &mut world.campaign().integrations {
        (row.status, row.rank) = (Status::Migrated, None);
    }
    let notice = notice_to(&world, "payments");
    assert!(notice.is_done() && notice.to_do().values().all(|left| *left == 0));
    let [text, ..] = documents(&notice).map(|document| flat(&document));
    assert!(text.contains("This is the last notice, unless something comes back."), "{text}");
    let nothing = notice_to(&empty(), "payments");
    assert!(nothing.is_done() && nothing.campaigns.is_empty());
    assert!(documents(&nothing)[0].contains("Nothing that is being retired was seen"));
}

#[test]
fn it_got_worse_when_something_appears_or_begins_to_fail() {
    let world = world();
    let (report, notice) = (world.report(), notice_to(&world, "payments"));
    assert!(notice::got_worse(&report, &notice, 2), "the third change is a failure of one of its rows");
    assert!(!notice::got_worse(&report, &notice, 3), "the fourth is another team's");
}

#[test]
fn five_thousand_rows_of_one_owner_are_not_clipped() {
    let mut world = world();
    let rows = |n: u32| {
        let mut row = integration(&format!("i{n:07}"), n, Status::Active);
        row.client = ["jenkins", "git-cli", "renovate", "curl", "unknown"][n as usize % 5].to_owned();
        row.repositories = (0..200).map(|r| format!("acme/repository-number-{r}")).collect();
        row.deadline = at("2026-07-28T00:00:00Z");
        row
    };
    world.campaign().integrations = (1..=5_000).map(rows).collect();
    let notice = notice_to(&world, "payments");
    let letter = letter::notice(&notice, "");
    assert!(letter.html.len() < 100_000, "{} bytes", letter.html.len());
    assert!(letter.text.contains("more; whoever runs duskwatch has them all"), "what is left out is counted");
    assert_eq!(notice.to_do().values().sum::<u32>(), 5_000);
}
