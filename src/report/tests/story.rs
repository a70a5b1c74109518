//! What the documents say in the cases that matter.

use super::fixture::{World, acme, after_the_removal, at, authentications, empty, file, integration, subject, watched, words};
use crate::{
    analysis::{Authentication, Recorded},
    evidence::Status,
    report::{FailingPart, Late, Undelivered, chart, csv, html, json, letter, text},
};

#[test]
fn the_subject_has_the_two_forms_of_the_contract() {
    let mut world = acme();
    assert_eq!(subject(&world), "[duskwatch] 4 integrations still on app passwords (\u{2212}2), 1 failing, 25 days left");
    world.previous = None;
    assert_eq!(subject(&world), "[duskwatch] 4 integrations still on app passwords, 1 failing, 25 days left");
    assert_eq!(subject(&watched()), "[duskwatch] 0 integrations still on app passwords, 0 failing, 25 days left");
    assert_eq!(
        subject(&after_the_removal()),
        "[duskwatch] 1 broken, 1 stale secret, 1 token expires in 60 days, day 116 after the removal"
    );
}

#[test]
fn the_change_is_split_by_cause_and_what_is_left_is_said() {
    let report = acme().report();
    let movement = report.campaigns[0].movement.as_ref().expect("there was a digest before");
    let causes: Vec<_> = movement.causes.iter().map(|c| (c.cause.as_str(), c.changes, c.effect)).collect();
    assert_eq!(causes, [("discovered", 1, 1), ("migrated", 1, -1), ("moved", 1, 0)]);
    assert_eq!((movement.delta, movement.unexplained), (-2, -2));
}

#[test]
fn the_first_digest_says_that_there_is_nothing_to_compare_with() {
    let mut world = acme();
    world.previous = None;
    assert!(words(&letter::digest(&world.report()).text).contains("nothing to compare"));
}

#[test]
fn what_comes_soon_after_a_digest_rests_on_a_day_at_least() {
    let mut world = acme();
    world.previous.as_mut().expect("a digest was sent").sent_at = at("2026-07-03T06:00:00Z");
    assert!(words(&letter::brief(&world.report()).text).contains("missed some of the time since 2 Jul 2026 07:00 UTC"));
}

#[test]
fn a_late_digest_says_so() {
    let mut world = acme();
    world.late = Some(Late { due: at("2026-07-01T07:00:00Z"), missed: 2 });
    let letter = letter::digest(&world.report());
    for body in [words(&letter.text), words(&letter.html)] {
        assert!(body.contains("late") && body.contains("1 Jul 2026 07:00 UTC") && body.contains("2 missed digests"), "{body}");
    }
}

#[test]
fn instants_are_shown_in_the_readers_time_zone_and_dates_as_utc_days() {
    let mut world = acme();
    world.timezone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a known zone");
    let text = words(&letter::digest(&world.report()).text);
    assert!(text.contains("removal on 28 Jul 2026 02:00 CEST"), "{text}");
    assert!(text.contains("start by 13 Jun 2026"), "{text}");
}

#[test]
fn an_empty_organisation_has_every_document() {
    for mut world in [watched(), after_the_removal()] {
        world.campaign().integrations.clear();
        world.campaign().burndown.clear();
        let report = world.report();
        assert!(html::page(&report).contains("Nothing remains to be ranked"));
        assert!(text::summary(&report, 80).contains("Nothing remains to be ranked"));
        assert!(letter::digest(&report).images.is_empty() && letter::brief(&report).images.is_empty());
        assert!(csv::names().all(|name| !file(&report, name).is_empty()));
        assert!(json::text(&report).ends_with("}\n"));
    }
    let mut world = empty();
    world.findings.campaigns.clear();
    world.undelivered = vec![lost("leadership")];
    assert_eq!(subject(&world), "[duskwatch] no campaign is configured");
    let page = html::page(&world.report());
    assert!(page.contains("No campaign is configured") && page.contains("Not delivered."), "{page}");
}

#[test]
fn five_thousand_integrations_stay_within_the_limits() {
    let mut world = acme();
    world.campaign().integrations = (1..=5_000)
        .map(|n| {
            let mut row = integration(&format!("i{n:07}"), n, if n % 3 == 0 { Status::Failing } else { Status::Active });
            row.owner = Some(format!("team {}", n % 300));
            row.reasons = vec!["a reason of the usual length, about as long as this one".to_owned(); 4];
            row
        })
        .collect();
    let report = world.report();
    let digest = letter::digest(&report);
    assert!(digest.html.len() < 100_000, "{}", digest.html.len());
    assert!(digest.html.contains("4,980 more in integrations.csv"));
    assert!(letter::brief(&report).html.len() < 60_000);
    let page = html::page(&report);
    assert!(page.len() < 4_000_000 && page.contains("4,000 more in integrations.csv"), "{}", page.len());
    assert!(text::summary(&report, 120).len() < 100_000);
    let rows = file(&report, "integrations.csv").split('\n').count();
    assert_eq!(rows, 5_002, "one header, the rows, and nothing after the last line's end");
}

#[test]
fn a_file_is_handed_over_in_small_pieces_however_long_it_is() {
    #[derive(Default)]
    struct Pieces {
        bytes: usize,
        longest: usize,
    }
    impl std::io::Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
            self.bytes += piece.len();
            self.longest = self.longest.max(piece.len());
            Ok(piece.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut world = acme();
    let row = &authentications()[0];
    let on = |number: i32| Authentication {
        day: row.day.plus(-number / 100),
        integration: format!("k7m2q{:03}", number % 100),
        ..row.clone()
    };
    world.findings.authentications = (0..100_000).map(on).collect();
    let (report, mut out) = (world.report(), Pieces::default());
    csv::write(&report, "authentications.csv", &mut out).expect("written");
    assert!(out.bytes > 7_000_000 && out.longest < 64 << 10, "{} bytes, {} at once", out.bytes, out.longest);
}

#[test]
fn the_chart_says_its_finding_and_is_a_picture_twice_over() {
    let report = acme().report();
    let campaign = &report.campaigns[0];
    let svg = chart::burndown(campaign, report.now).map(|picture| picture.svg());
    assert!(svg.is_some_and(|svg| svg.starts_with("<svg") && svg.contains("removal 28 Jul")));
    assert!(chart::png(campaign, report.now).is_some_and(|png| png.starts_with(b"\x89PNG") && png.len() < 100_000));
    assert!(chart::alt(campaign).contains("on 2026-07-03"), "{}", chart::alt(campaign));
    assert!(chart::burndown(&empty().report().campaigns[0], report.now).is_none());
}

#[test]
fn own_secrets_are_listed_with_the_tokens_and_announced() {
    let report = acme().report();
    let tokens: Vec<&str> = report.tokens.iter().map(|t| t.token.as_str()).collect();
    assert_eq!(tokens, ["organization.acme.api_key", "t-1", "t-2", "t-3"]);
    assert_eq!(report.expiring.count, 1);
    assert!(words(&letter::digest(&report).text).contains("organization.acme.api_key expires in 7 days"));
}

#[test]
fn a_revoked_token_does_not_count_as_expiring() {
    let mut world = acme();
    world.findings.tokens[0].status = "REVOKED".to_owned();
    assert_eq!(world.report().expiring.count, 0);
}

#[test]
fn a_day_that_is_over_has_the_forecast_that_was_recorded_on_it_or_none() {
    let mut world = acme();
    assert!(world.report().campaigns[0].forecast.end.is_some());
    world.looking_back = true;
    let today = world.findings.today();
    for made in world.forecasts.values_mut() {
        let of_today = Recorded { day: today, ..made[0] };
        made.push(of_today);
    }
    assert!(world.report().campaigns[0].forecast.end.is_some(), "it was recorded");
    world.forecasts.values_mut().for_each(|made| made.retain(|forecast| forecast.day != today));
    let forecast = &world.report().campaigns[0].forecast;
    assert_eq!((forecast.missing.as_str(), forecast.path.len()), ("none was recorded on that day", 0));
}

#[test]
fn after_the_removal_the_brief_and_the_page_speak_of_repair() {
    let report = after_the_removal().report();
    let brief = letter::brief(&report);
    assert_eq!(brief.subject, "[duskwatch] weekly brief: 1 broken, 1 stale secret, day 116 after the removal");
    assert!(html::page(&report).contains("<title>duskwatch: 1 broken without app passwords</title>"));
    for body in [brief.text, brief.html, html::page(&report)] {
        assert!(!body.contains("atest safe start") || body.contains("<dt>latest safe start</dt>"), "{body}");
        assert!(!body.contains("passed"), "{body}");
    }
}

#[test]
fn the_security_policy_allows_exactly_the_style_and_script_of_the_page() {
    let page = html::page(&acme().report());
    for tag in ["style", "script"] {
        let inside = page.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split(&format!("</{tag}>")).next());
        let hash = <sha2::Sha256 as sha2::Digest>::digest(inside.expect("the page has one"));
        let allowed = format!("{tag}-src 'sha256-{}'", data_encoding::BASE64.encode(&hash));
        assert!(html::content_security_policy().contains(&allowed), "{tag}");
    }
    assert!(!page.contains(" style=") && !page.contains("http-equiv"), "inline styles would be refused");
}

#[test]
fn what_is_known_and_what_is_possible_change_apart() {
    let report = acme().report();
    let causes = &report.campaigns[0].movement.as_ref().expect("there is a digest before it").causes;
    for row in causes {
        assert_eq!(row.effect, row.effect_known + row.effect_possible, "{row:?}");
    }
    // Weak evidence found one, and one with an API token left.
    let digest = letter::digest(&report);
    for body in [digest.text, digest.html] {
        assert!(words(&body).contains("iscovered 1 (+1 remaining: \u{b1}0 known, +1 possible)"), "{body}");
        assert!(words(&body).contains("migrated 1 (\u{2212}1 remaining: \u{2212}1 known, \u{b1}0 possible)"), "{body}");
    }
}

fn lost(audience: &str) -> Undelivered {
    Undelivered {
        channel: "mail".to_owned(),
        audience: audience.to_owned(),
        due: at("2026-07-01T07:00:00Z"),
        failure: "550 no such user".to_owned(),
    }
}

#[test]
fn what_did_not_arrive_is_told_by_the_page_and_the_next_digest() {
    let mut world = acme();
    world.undelivered = vec![lost("leadership"), lost("owner:payments"), lost("leadership"), lost("alarms")];
    let (digest, page) = (letter::digest(&world.report()), html::page(&world.report()));
    for body in [digest.text, digest.html, page].map(|body| words(&body)) {
        assert!(body.contains("The brief that was due on 1 Jul 2026 07:00 UTC did not reach 2 of its recipients"), "{body}");
        assert!(body.contains("The notice to payments that was due on 1 Jul 2026"), "{body}");
        assert!(body.contains("The alarm that was due on 1 Jul 2026"), "{body}");
    }
}

#[test]
fn that_a_part_of_the_service_fails_is_told_by_the_digest() {
    let mut world = acme();
    let reason = "the new one is refused, see the log: the service goes on with the one it has".to_owned();
    let part = FailingPart { part: "configuration".to_owned(), since: at("2026-07-01T07:00:00Z"), reason };
    world.failing = vec![part];
    let digest = letter::digest(&world.report());
    for body in [digest.text, digest.html].map(|body| words(&body)) {
        assert!(body.contains("configuration is failing since 1 Jul 2026 07:00 UTC: the new one is refused"), "{body}");
    }
    let json = serde_json::to_value(world.report()).expect("it is JSON");
    assert_eq!(json["failing"][0]["part"], "configuration");
}

#[test]
fn the_brief_answers_first_and_sorts_teams_by_the_time_they_have() {
    let mut world = acme();
    world.campaign().integrations[3].owner = Some("late soon".to_owned());
    let mut fine = integration("f2f3f4f5", 6, Status::Active);
    (fine.owner, fine.latest_safe_start, fine.machine) = (Some("steady".to_owned()), at("2026-07-27T00:00:00Z"), Some(true));
    world.campaign().integrations.push(fine);
    let brief = letter::brief(&world.report());
    for body in [brief.text, brief.html].map(|body| words(&body)) {
        let mut from = 0;
        for said in [
            "Will it be done in time? No, not at this pace.",
            "By how they work: 1 like machines, 0 like people, 4 not known.",
            "Needs 45 days, 25 are left: shorten the change, or accept the outage of 1.",
            "Already too late",
            "payments",
            "Late soon",
            "late soon",
            "late in 11 days",
            "In time",
            "steady",
            "Asked for by payments, approved by CISO.",
        ] {
            let found = body[from..].find(said);
            from += found.unwrap_or_else(|| panic!("{said} is missing or misplaced in {body}"));
        }
    }
}

#[test]
fn every_campaign_with_brownouts_shows_its_own() {
    let mut world = acme();
    let mut second = world.findings.campaigns[0].clone();
    second.campaign.id = "second".to_owned();
    world.findings.campaigns.push(second);
    let digest = letter::digest(&world.report());
    assert_eq!(digest.text.matches("NEXT BROWNOUTS").count(), 2);
    assert_eq!(digest.html.matches("Next brownouts").count(), 2);
}

#[test]
fn the_digest_tells_the_steps_of_the_clients_that_it_ranks() {
    let digest = letter::digest(&acme().report());
    let text = words(&digest.text);
    assert!(text.contains("STEPS, BY CLIENT"), "{text}");
    for said in
        ["Scopes: read:repository:bitbucket", "Username on git: x-bitbucket-api-token-auth", "Proof: git -c credential.helper="]
    {
        assert!(text.contains(said) && words(&digest.html).contains(said.split(": ").nth(1).unwrap_or(said)), "{said}");
    }
    assert!(text.contains("failing: its newest use was refused"), "words are explained: {text}");
}

#[test]
fn the_digest_says_why_a_replacement_was_refused_however_many_reasons_stand_before_it() {
    let mut world = acme();
    let row = &mut world.campaign().integrations[0];
    let trap = row.trap.clone().expect("it was refused").words;
    row.reasons = vec!["one".to_owned(), "two".to_owned(), "three".to_owned(), trap.clone()];
    let said = |world: &World| {
        let digest = letter::digest(&world.report());
        [digest.text, digest.html].map(|body| words(&body.replace("<b>Refused:</b>", "Refused:")))
    };
    for body in said(&world) {
        assert!(body.contains(&format!("Refused: {trap}")), "{body}");
    }
    world.campaign().integrations[0].reasons.rotate_right(1);
    for body in said(&world) {
        assert_eq!(body.to_lowercase().matches(&trap.to_lowercase()).count(), 1, "it is said once: {body}");
    }
}

#[test]
fn the_terminal_says_what_the_digest_says_of_changes_of_whom_is_observed_and_of_single_rows() {
    let mut world = acme();
    world.campaign().integrations[0].returned = true;
    let text = words(&text::summary(&world.report(), 100));
    for said in [
        "Discovered 1 (+1 remaining: \u{b1}0 known, +1 possible); migrated 1",
        "Observed: 61 of 80 people who were active in the last 30 days were seen",
        "acme: 61 of 80 active members seen (76 %), 19 not observed",
        "labs: unknown, its member list could not be read",
        "Its user has left: p5r8c2aa",
        "Returned: k7m2qd4x",
        "Waived: p5r8c2aa",
        "Refused only in brownouts: m3x9t2wq",
        "Not seen since: q2w4e6r8 (20 Jun 2026)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("CONTRADICTION") && !text.contains("Overdue"), "{text}");
}

#[test]
fn an_app_password_that_is_accepted_after_the_removal_is_a_contradiction_wherever_it_is_read() {
    let mut world = after_the_removal();
    world.campaign().integrations[1].contradiction = true;
    let report = world.report();
    let digest = letter::digest(&report);
    for body in [text::summary(&report, 100), digest.text, digest.html, html::page(&report)].map(|body| words(&body)) {
        let said = "app password was accepted after the removal, proven for 1 integration.";
        assert!(body.to_lowercase().contains("contradiction") && body.contains(said), "{body}");
    }
    assert!(text::summary(&report, 100).contains("Accepted after the removal: m3x9t2wq"));
}

#[test]
fn the_brief_opens_with_its_verdict_and_who_was_looking() {
    let mut world = acme();
    let said = |world: &World| {
        let brief = letter::brief(&world.report());
        [brief.text, brief.html].map(|body| words(&body))
    };
    let coverage = "Coverage: Could not look everywhere: 2 of 3 sources are being read";
    for body in said(&world) {
        let place = |words: &str| body.find(words).unwrap_or_else(|| panic!("{words} is missing in {body}"));
        assert!(place("Will it be done in time?") < place(coverage), "{body}");
        assert!(place(coverage) < place("4 integrations still sign in"), "{body}");
        assert_eq!(body.matches("Could not look everywhere").count(), 1, "{body}");
    }
    world.findings.campaigns.clear();
    assert!(said(&world).iter().all(|body| body.contains(coverage)));
}

#[test]
fn one_of_a_kind_is_said_in_the_singular() {
    let mut world = after_the_removal();
    world.policy.expiry_horizon_days = 1;
    world.sources.truncate(2);
    world.sources.remove(0);
    world.ledger.sources.retain(|name, _| name == "tokens/acme");
    let digest = letter::digest(&world.report());
    assert!(digest.subject.contains("0 tokens expire in 1 day,"), "{}", digest.subject);
    for body in [digest.text, digest.html].map(|body| words(&body)) {
        assert!(body.contains("0 of 1 source is being read") && body.contains("0 replacement tokens within 1 day"), "{body}");
        assert!(!body.contains("1 days"), "{body}");
    }
}
