//! The pages that are served: what of the ranking is shown when somebody asks, and what stands behind its rows.

use super::fixture::{World, acme, after_the_removal, authentications, day, empty, integration};
use crate::{
    analysis::Authentication,
    evidence::Status,
    report::{document::Report, html, ranking::Query},
};

fn asked(parameters: &[(&str, &str)]) -> Result<Query, String> {
    let pairs: Vec<(String, String)> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Query::parse(&pairs)
}

/// The ids in the order in which the ranking lists them.
fn listed(report: &Report, parameters: &[(&str, &str)]) -> Vec<String> {
    let page = html::served_page(report, &asked(parameters).expect("it can be asked for"));
    let table = page.split("id=\"rows-1\"").nth(1).expect("a ranking").split("</table>").next().unwrap_or_default();
    let links = table.split("<a href=\"/integrations/").skip(1);
    links.map(|link| link.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_ranking_shows_what_is_asked_for_in_the_order_that_is_asked_for() {
    let report = acme().report();
    for (parameters, expected) in [
        (&[][..], &["k7m2qd4x", "m3x9t2wq", "p5r8c2aa", "q2w4e6r8"][..]),
        (&[("status", "failing")], &["k7m2qd4x"]),
        (&[("status", "migrated")], &["zz7y3b5d"]),
        (&[("status", "all"), ("grade", "strong")], &["p5r8c2aa", "q2w4e6r8", "zz7y3b5d"]),
        (&[("team", "-")], &["m3x9t2wq"]),
        (&[("team", "payments"), ("client", "git-cli")], &["p5r8c2aa", "q2w4e6r8"]),
        (&[("workspace", "acme"), ("status", "quiet")], &["q2w4e6r8"]),
        (&[("workspace", "elsewhere")], &[]),
        (&[("q", "BACKUP git")], &["m3x9t2wq"]),
        (&[("q", "b7h3v5nm")], &["q2w4e6r8"]),
        (&[("sort", "status")], &["k7m2qd4x", "m3x9t2wq", "p5r8c2aa", "q2w4e6r8"]),
        (&[("sort", "rank"), ("reverse", "1")], &["q2w4e6r8", "p5r8c2aa", "m3x9t2wq", "k7m2qd4x"]),
        (&[("sort", "team")], &["m3x9t2wq", "k7m2qd4x", "p5r8c2aa", "q2w4e6r8"]),
        (&[("sort", "grade")], &["k7m2qd4x", "p5r8c2aa", "q2w4e6r8", "m3x9t2wq"]),
        (&[("sort", "start")], &["k7m2qd4x", "m3x9t2wq", "p5r8c2aa", "q2w4e6r8"]),
        (&[("page", "9"), ("status", "")], &["k7m2qd4x", "m3x9t2wq", "p5r8c2aa", "q2w4e6r8"]),
    ] {
        assert_eq!(listed(&report, parameters), expected, "{parameters:?}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_said_with_what_can() {
    for (parameters, words) in [
        (&[("status", "broken")][..], "there are stale, migrating, failing"),
        (&[("sort", "age")], "there are rank, user"),
        (&[("grade", "Proven")], "there are none, weak, strong, proven"),
        (&[("page", "-1")], "no number"),
        (&[("reverse", "yes")], "0 or 1"),
        (&[("owner", "payments")], "there are campaign, q, status, team"),
        (&[("status", "failing"), ("status", "active")], "twice"),
    ] {
        let why = asked(parameters).expect_err("it cannot be asked for");
        assert!(why.contains(words), "{parameters:?}: {why}");
    }
}

/// As many integrations as a large organisation has.
fn large() -> World {
    let mut world = acme();
    world.campaign().integrations = (1..=5_000)
        .map(|rank| {
            let mut row = integration(&format!("{rank:08}"), rank, if rank % 7 == 0 { Status::Failing } else { Status::Active });
            row.owner = Some(format!("team {}", rank % 150));
            row
        })
        .collect();
    world
}

#[test]
fn thousands_are_listed_a_page_at_a_time() {
    let report = large().report();
    let first = listed(&report, &[]);
    assert_eq!((first.len(), first[0].as_str()), (100, "00000001"));
    let last = listed(&report, &[("page", "50")]);
    assert_eq!((last.len(), last[99].as_str()), (100, "00005000"));
    assert_eq!(listed(&report, &[("status", "failing"), ("page", "8")]).len(), 14);
    let page = html::served_page(&report, &asked(&[("team", "team 7"), ("sort", "uses"), ("page", "1")]).expect("it can be"));
    assert!(page.contains("34 integrations of what was asked for"));
    assert!(page.len() < 700_000, "{}", page.len());
    let second = html::served_page(&report, &asked(&[("page", "2"), ("sort", "uses")]).expect("it can be"));
    for link in ["&amp;sort=uses&amp;page=3#ranking-1\" rel=\"next\"", "&amp;sort=uses#ranking-1\" rel=\"prev\"", "page 2 of 50"]
    {
        assert!(second.replace("&#x2f;", "/").contains(link), "{link}");
    }
}

#[test]
fn one_campaigns_form_leaves_the_others_alone() {
    let mut world = acme();
    let mut second = world.findings.campaigns[0].clone();
    second.campaign.id = "other & more".to_owned();
    world.findings.campaigns.push(second);
    let report = world.report();
    assert_eq!(listed(&report, &[("campaign", "other & more"), ("status", "failing")]).len(), 4);
    let page = html::served_page(&report, &asked(&[("campaign", "other & more"), ("status", "failing")]).expect("it can be"));
    let rows = |number: u32| {
        let table = page.split(&format!("id=\"rows-{number}\"")).nth(1).expect("a ranking");
        table.split("</table>").next().unwrap_or_default().matches("<tr data-status").count()
    };
    assert_eq!((rows(1), rows(2)), (4, 1));
    assert!(page.replace("&#x2f;", "/").contains("/?campaign=other+%26+more&amp;status=failing"));
}

#[test]
fn a_file_leads_nowhere_and_the_service_leads_to_every_row() {
    let report = acme().report();
    assert!(!html::page(&report).contains("href=\"/"));
    let served = html::served_page(&report, &Query::default());
    for link in
        ["/integrations/k7m2qd4x", "/users/712020%3Ak7m2qd4x", "/teams/payments", "/coverage", "/forecasts", "/report.json"]
    {
        assert!(served.contains(&format!("href=\"{link}\"")), "{link}");
    }
}

#[test]
fn a_team_has_its_own_rows_and_nobody_is_a_team_too() {
    let report = acme().report();
    let page = html::team(&report, "payments").expect("it owns something");
    for id in ["k7m2qd4x", "p5r8c2aa", "q2w4e6r8", "zz7y3b5d"] {
        assert!(page.contains(&format!("/integrations/{id}")), "{id}");
    }
    assert!(!page.contains("m3x9t2wq") && page.contains("lead time of 45 days"), "{page}");
    let unowned = html::team(&report, "-").expect("nobody owns something");
    assert!(unowned.contains("m3x9t2wq") && !unowned.contains("k7m2qd4x") && unowned.contains("No owner yet"));
    assert!(html::team(&report, "payment").is_none());
    assert!(html::team(&report, "").is_none());
}

#[test]
fn coverage_lists_gaps_and_whom_nobody_sees() {
    let page = html::coverage(&acme().report()).replace("&#x2f;", "/");
    for words in
        ["the file was not readable", "403: the key lacks read:tokens:admin", "not permitted", "Ivo Brandt", "SaaS scanners"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(html::coverage(&empty().report()).contains("No source has a gap."));
}

#[test]
fn forecasts_stand_beside_what_came() {
    let page = html::forecasts(&acme().report());
    assert!(page.contains("How earlier forecasts did") && page.contains("2026-06-20") && page.contains("1 to 7"), "{page}");
    assert!(html::forecasts(&empty().report()).contains("None is recorded yet."));
    assert!(html::forecasts(&after_the_removal().report()).contains("after the removal"));
}

#[test]
fn every_term_of_the_contract_is_explained_once() {
    let page = html::page(&acme().report());
    let glossary = page.split("<dl class=\"glossary\">").nth(1).expect("a glossary").split("</dl>").next().unwrap_or_default();
    let terms: Vec<&str> =
        glossary.split("<dt>").skip(1).flat_map(|entry| entry.split("</dt>").next().unwrap_or_default().split(", ")).collect();
    let statuses = Status::ALL.iter().map(|status| status.as_str());
    let contract = [
        "organization",
        "workspace",
        "repository",
        "user",
        "user id",
        "credential",
        "evidence",
        "grade",
        "outcome",
        "client",
        "origin",
        "integration",
        "rhythm",
        "campaign",
        "digest",
        "brief",
        "notice",
        "returned",
        "waived",
        "remaining",
        "known",
        "possible",
        "not observed",
        "latest safe start",
        "brownout",
        "forecast",
    ];
    for term in contract.into_iter().chain(statuses) {
        assert_eq!(terms.iter().filter(|known| **known == term).count(), 1, "{term}");
    }
}

#[test]
fn every_chart_says_what_it_shows() {
    let mut world = acme();
    let mut rows = authentications();
    for (week, uses) in [("2026-06-01", 40), ("2026-06-12", 30), ("2026-06-20", 8)] {
        let row = rows[0].clone();
        rows.push(Authentication { day: day(week), uses, ..row });
    }
    world.findings.authentications = rows.into_iter().collect();
    world.campaign().integrations[0].exposure.by_hour[6] = 12.0;
    let page = html::page(&world.report());
    for title in ["Burn-down", "Status by week", "Uses by credential", "Exposure by hour", "Teams by what remains"] {
        assert!(page.contains(&format!(">{title}</h")), "{title}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count());
    assert!(page.contains("most at 06:00 UTC"), "the exposure names its hour");
    assert!(!page.contains("#0072B2") && page.contains("var(--blue)"), "the page gives the charts their colours");
}
