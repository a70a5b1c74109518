//! Several campaigns in one report: the first is told in full, each further one in a section of its own.

use super::fixture::{CAMPAIGN, World, acme, at, day, file, integration, made, words};
use crate::{
    analysis::{
        BurndownDay, CampaignFindings, Forecast, Integration, Person, TokenFinding,
        forecast::{Counted, Outlook, Quantiles},
    },
    evidence::{Campaign, Category, Credential, Day, Expiry, Grade, Status, campaign},
    report::{Figure, html, letter, text},
};

const SSH: &str = "bitbucket-ssh-host";

fn ssh_host() -> Campaign {
    Campaign::parse(Campaign::builtin("builtin:bitbucket-ssh-host").expect("built in")).expect("valid")
}

fn token_expiry() -> Expiry {
    let text = Campaign::builtin("builtin:api-token-expiry").expect("built in");
    match campaign::read("api-token-expiry.toml", text, None) {
        Ok(campaign::Kind::Expiry(expiry)) => expiry,
        other => panic!("it is a campaign of expiry: {other:?}"),
    }
}

/// A network from which SSH goes through a proxy.
fn tunnels(id: &str, rank: u32, status: Status) -> Integration {
    let campaign = ssh_host();
    Integration {
        grade: Grade::Proven,
        user: Person::default(),
        client: "unknown".to_owned(),
        client_name: "unknown".to_owned(),
        category: Category::Unknown,
        deadline: campaign.removal,
        latest_safe_start: at("2026-10-29T00:00:00Z"),
        advice: campaign.advice.expect("it has its own"),
        last_rejected: None,
        rejected_30d: 0,
        repositories: Vec::new(),
        reasons: vec!["SSH at bitbucket.org was last used on 2026-07-03".to_owned()],
        ..integration(id, rank, status)
    }
}

fn token(id: &str, label: &str, days_left: i32, lead_time_days: i32) -> TokenFinding {
    TokenFinding {
        token: id.to_owned(),
        kind: Credential::ApiToken,
        label: label.to_owned(),
        user: Person { id: "712020:a".to_owned(), name: None, email: Some("mara@acme.test".to_owned()) },
        owner: Some("payments".to_owned()),
        integrations: Vec::new(),
        status: "ALLOWED".to_owned(),
        created_at: None,
        last_active_at: None,
        expires_at: Some(Day::of(at("2026-07-03T00:00:00Z")).plus(days_left).start()),
        days_left: Some(days_left),
        lead_time_days,
        leaver: false,
        listed_by: "tokens/acme".to_owned(),
    }
}

/// Of the networks that remain, one is expected to be left.
fn outlook() -> Forecast {
    Forecast::Known(Box::new(Outlook {
        counted: Counted::Remaining,
        zero_day: Quantiles { p10: Some(day("2026-09-02")), p50: Some(day("2026-11-30")), p90: None },
        path: vec![made("2026-07-03", "2026-11-11", [0, 1, 2])],
        still_used: 2.0,
        needed_a_week: 0.1,
        stopped_a_week: 0.0,
        last_visible_stop: day("2026-11-04"),
        moves: Vec::new(),
    }))
}

fn three_campaigns() -> World {
    let mut world = acme();
    let ssh = CampaignFindings {
        campaign: ssh_host(),
        integrations: vec![tunnels("s5h4k3y2", 1, Status::Active), tunnels("s6h4k3y2", 2, Status::Migrating)],
        windows: Vec::new(),
        burndown: vec![BurndownDay {
            day: Day::of(at("2026-07-03T00:00:00Z")),
            remaining: 2,
            remaining_known: 2,
            ..BurndownDay::default()
        }],
        forecast: outlook(),
    };
    // Wherever it stands in the list, the campaign of app passwords opens the report.
    world.findings.campaigns.insert(0, ssh);
    world.expiries.push(token_expiry());
    let mut nightly = token("t-1", "nightly mirror", 9, 14);
    nightly.integrations = vec!["k7m2qd4x".to_owned(), "m3x9t2wq".to_owned()];
    let mut left = token("t-4", "release bot", 40, 14);
    (left.leaver, left.owner) = (true, None);
    let mut registered = token("vault: deploy", "deploy", 70, 90);
    (registered.kind, registered.listed_by, registered.user) =
        (Credential::AccessToken, "import/register".to_owned(), Person::default());
    let mut revoked = token("t-6", "revoked", 5, 14);
    revoked.status = "REVOKED".to_owned();
    world.findings.tokens = vec![
        token("t-0", "gone", -40, 14),
        token("t-2", "expired last week", -7, 14),
        revoked,
        nightly,
        left,
        registered,
        token("t-5", "next year", 300, 14),
    ];
    world
}

/// What follows the first campaign.
fn further(text: &str, from: &str, to: &str) -> String {
    let start = text.find(from).expect("the first further campaign");
    let rest = &text[start..];
    rest[..rest.find(to).expect("what all campaigns share")].to_owned()
}

#[test]
fn further_campaigns_have_short_sections_of_their_own() {
    let report = three_campaigns().report();
    let (digest, brief) = (letter::digest(&report), letter::brief(&report));
    let documents = [
        further(&digest.text, "BITBUCKET CLOUD SSH", "SOURCES"),
        further(&brief.text, "BITBUCKET CLOUD SSH", "WHAT THIS RESTS ON"),
        further(&text::summary(&report, 160), "Bitbucket Cloud SSH", "No Atlassian API"),
    ];
    super::snapshots::same_as_file("three-campaigns.txt", documents.join("\n=====\n"));
    for html in [digest.html, brief.html, html::page(&report)] {
        for said in [
            "Bitbucket Cloud SSH at bitbucket.org",
            "still use SSH at bitbucket.org",
            "Tokens that expire",
            "3 tokens end within",
        ] {
            assert!(html.contains(said), "{said}");
        }
        assert_eq!(html.matches("No Atlassian API says").count(), 1, "what all rests on is said once");
    }
}

#[test]
fn the_mail_is_named_after_the_campaign_of_app_passwords() {
    let report = three_campaigns().report();
    assert_eq!(
        letter::digest(&report).subject,
        "[duskwatch] 4 integrations still on app passwords (\u{2212}2), 1 failing, 25 days left"
    );
    let mut alone = three_campaigns();
    alone.findings.campaigns.retain(|found| found.campaign.id == SSH);
    let subject = |world: &World| (letter::digest(&world.report()).subject, letter::brief(&world.report()).subject);
    assert_eq!(
        subject(&alone),
        (
            "[duskwatch] 2 integrations still on SSH at bitbucket.org, 0 failing, 132 days left".to_owned(),
            "[duskwatch] weekly brief: 2 integrations still on SSH at bitbucket.org, 132 days left".to_owned(),
        )
    );
    alone.findings.now = at("2026-11-20T07:00:00Z");
    alone.findings.campaigns[0].integrations[1].status = Status::Stale;
    assert!(subject(&alone).0.starts_with("[duskwatch] 0 broken, 1 left-over remote, "), "{}", subject(&alone).0);
    alone.findings.campaigns[0].integrations.clear();
    alone.ledger.sources.clear();
    let digest: String = letter::digest(&alone.report()).text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(digest.contains("can show who uses SSH at bitbucket.org: no API says it"), "{digest}");
    assert!(digest.contains("SSH at bitbucket.org ended on 12 Nov 2026"), "{digest}");
}

#[test]
fn tables_are_sorted_by_campaign_and_tokens_stand_in_their_own() {
    let report = three_campaigns().report();
    let column = |name: &str, of: usize| -> Vec<String> {
        let text = file(&report, name);
        let mut rows = ::csv::Reader::from_reader(text.as_bytes());
        rows.records().map(|row| row.expect("a row")[of].to_owned()).collect()
    };
    let campaigns = column("integrations.csv", 0);
    assert_eq!(campaigns.iter().filter(|id| *id == CAMPAIGN).count(), 5);
    assert_eq!(campaigns.iter().filter(|id| *id == SSH).count(), 2);
    assert!(campaigns.is_sorted() && campaigns.len() == 7, "{campaigns:?}");
    assert_eq!(column("burndown.csv", 0).last().map(String::as_str), Some(SSH));
    assert!(column("burndown.csv", 0).is_sorted());
    assert!(column("tokens.csv", 6).contains(&"k7m2qd4x;m3x9t2wq".to_owned()));
}

#[test]
fn metrics_tell_the_campaigns_apart() {
    let report = three_campaigns().report();
    let value = |name: &str, campaign: &str| {
        let of = |figure: &&Figure| figure.name == name && figure.attributes.contains(&("campaign", campaign.to_owned()));
        report.figures.iter().find(of).map(|figure| figure.value)
    };
    assert_eq!(value("duskwatch.removal.time", SSH), Some(1_794_441_600.0));
    assert_eq!(value("duskwatch.freeze.time", SSH), None);
    assert!(value("duskwatch.freeze.time", CAMPAIGN).is_some());
    assert_eq!(value("duskwatch.overdue", "api-token-expiry"), Some(2.0));
    assert_eq!(value("duskwatch.unowned", "api-token-expiry"), Some(1.0));
    assert_eq!(value("duskwatch.removal.time", "api-token-expiry"), None, "each token has a day of its own");
    let forecast = |campaign: &str| -> Vec<f64> {
        let of = |figure: &&Figure| {
            figure.name == "duskwatch.forecast.remaining" && figure.attributes.contains(&("campaign", campaign.to_owned()))
        };
        report.figures.iter().filter(of).map(|figure| figure.value).collect()
    };
    assert_eq!((forecast(SSH), forecast(CAMPAIGN)), (vec![0.0, 1.0, 2.0], vec![1.0, 2.0, 4.0]));
    assert!(forecast("api-token-expiry").is_empty(), "a deadline of each token needs none");
    let integrations = report.figures.iter().filter(|figure| figure.name == "duskwatch.integrations");
    let of_ssh: f64 = integrations.filter(|figure| figure.attributes[0].1 == SSH).map(|figure| figure.value).sum();
    assert!((of_ssh - 2.0).abs() < f64::EPSILON);
}

#[test]
fn a_campaign_of_expiry_without_a_list_knows_nothing() {
    let mut world = three_campaigns();
    world.findings.tokens.clear();
    let headline = |world: &World| letter::digest(&world.report()).text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(headline(&world).contains("TOKENS THAT EXPIRE Unknown: no inventory of tokens and no register has been read."));
    for interval in world.ledger.sources.get_mut("tokens/acme").expect("it is there") {
        interval.state = crate::evidence::CoverageState::Covered;
    }
    let nothing_ends = "0 tokens end within 60 days, or within the time that the owner needs.";
    assert!(headline(&world).contains(nothing_ends));
    world.findings.now = at("2026-07-02T00:00:00Z");
    assert!(headline(&world).contains(nothing_ends), "it is read right now");
    world.findings.now = at("2026-07-01T23:59:59Z");
    assert!(headline(&world).contains("TOKENS THAT EXPIRE Unknown: "), "by then it had not been read");
}

#[test]
fn a_token_that_ended_a_moment_ago_expired_today() {
    let mut world = three_campaigns();
    let mut ended = token("t-7", "ended just now", 0, 14);
    ended.expires_at = Some(world.findings.now - jiff::SignedDuration::from_millis(1));
    let mut ends = token("t-8", "ends tonight", 0, 14);
    ends.expires_at = Some(world.findings.now + jiff::SignedDuration::from_hours(12));
    world.findings.tokens = vec![ended, ends];
    let report = world.report();
    let text = words(&letter::digest(&report).text);
    assert!(text.contains("ended just now (mara@acme.test): expired today"), "{text}");
    assert!(text.contains("ends tonight (mara@acme.test): 0 days left"), "{text}");
    let counts = report.expiries[0].counts;
    assert_eq!((counts.expiring, counts.overdue, counts.expired), (1, 1, 1));
}

#[test]
fn a_token_is_overdue_as_soon_as_its_latest_safe_start_has_passed() {
    let mut world = three_campaigns();
    let now = world.findings.now;
    for (hours_late, overdue) in [(1, 1), (-1, 0)] {
        let mut token = token("t-7", "deploy", 14, 14);
        token.expires_at = Some(now + jiff::SignedDuration::from_hours(14 * 24 - hours_late));
        world.findings.tokens = vec![token];
        assert_eq!(world.report().expiries[0].counts.overdue, overdue, "{hours_late}");
    }
}
