//! What the documents say in the cases that matter.

use jiff::ToSpan as _;

use super::fixture::{World, acme, after_the_removal, at, authentications, empty, file, integration};
use crate::{
    analysis::{Authentication, Integration, Person, Recorded, Silence},
    evidence::{Coverage, CoverageState, Status, time},
    report::{Late, SourceLine, Undelivered, chart, csv, document::SourceState, html, json, letter, prometheus, text},
};

/// Without line breaks, which depend on what stands before.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn subject(world: &World) -> String {
    letter::digest(&world.report()).subject
}

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

/// An organisation in which a log was read, and nothing found.
fn watched() -> World {
    let mut world = empty();
    let now_ms = world.findings.now.as_millisecond();
    let (state, reason) = (CoverageState::Covered, String::new());
    let day = Coverage { from_ms: now_ms - 86_400_000, to_ms: now_ms, state, items: 9, skipped: 0, reason };
    world.ledger.sources.insert("log/egress".to_owned(), vec![day]);
    world
}

#[test]
fn nothing_found_where_nothing_could_be_seen_is_unknown_and_not_zero() {
    let mut world = empty();
    world.ledger.sources = watched().ledger.sources.into_values().map(|days| ("audit/acme".to_owned(), days)).collect();
    assert_eq!(subject(&world), "[duskwatch] unknown: nothing that is connected can show app passwords");
    let report = world.report();
    let (digest, brief) = (letter::digest(&report), letter::brief(&report));
    assert!(brief.subject.contains("unknown"), "{}", brief.subject);
    for text in [&digest.text, &brief.text, &text::summary(&report, 100), &html::page(&report), &digest.html] {
        let text = words(text);
        assert!(text.contains("Unknown. Nothing that is connected can show who signs in with app passwords"), "{text}");
        assert!(!text.contains("Nothing remains"), "{text}");
    }
    for text in [words(&letter::digest(&report).text), letter::digest(&report).html, html::page(&report)] {
        assert!(text.contains("Nothing that is connected can show what runs in them."), "{text}");
        assert!(
            !text.to_lowercase().contains("nothing is likely to run") && !text.contains("0 of users who have left"),
            "{text}"
        );
    }
    assert!(html::page(&report).contains("<title>duskwatch: unknown who is still on app passwords</title>"));
    assert!(!words(&text::summary(&watched().report(), 100)).contains("Unknown."));
    assert!(html::page(&watched().report()).contains("<title>duskwatch: 0 still on app passwords</title>"));
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
fn nothing_changed_and_could_not_look_read_differently() {
    let mut world = acme();
    world.changes.truncate(1);
    world.previous.as_mut().expect("there was one").remaining.insert(super::fixture::CAMPAIGN.to_owned(), 4);
    let blind = words(&letter::digest(&world.report()).text);
    assert!(blind.contains("No change was seen") && blind.contains("Could not look everywhere"), "{blind}");
    world.sources.retain(|s| s.name == "audit/acme");
    world.ledger.sources.retain(|name, _| name == "audit/acme");
    let seeing = words(&letter::digest(&world.report()).text);
    assert!(seeing.contains("Nothing changed") && seeing.contains("Every source was read without a gap"), "{seeing}");
    assert!(!seeing.contains("Could not look"));
}

#[test]
fn a_source_that_is_read_and_needs_a_look_is_no_green_light() {
    let mut world = acme();
    world.sources.retain(|s| s.name == "audit/acme");
    world.ledger.sources.retain(|name, _| name == "audit/acme");
    world.sources[0].warning = "the catalogue of actions names none of Bitbucket".to_owned();
    world.sources[0].nameless = 1;
    let since = at("2026-06-28T10:00:00Z");
    world.findings.silences = vec![Silence { source: "audit/acme".to_owned(), since, days: 4 }];
    let report = world.report();
    let digest = words(&letter::digest(&report).text);
    for text in [&digest, &words(&text::summary(&report, 160)), &words(&html::page(&report)).replace("&#x2f;", "/")] {
        assert!(text.contains("Look at audit/acme all the same: it shows less than it should"), "{text}");
        assert!(
            text.contains(
                "names none of Bitbucket; 1 item of the last 30 days is beyond what one source may name, and counted together"
            ),
            "{text}"
        );
        assert!(text.contains("run duskwatch reclassify, else look at who writes what is read; silent since"));
        assert!(text.contains("it was read on 4 days on which it usually shows something, and showed nothing"), "{text}");
    }
    assert_eq!(report.coverage.sources[0].lag_seconds, Some(at("2026-07-03T07:00:00Z").as_second() - since.as_second()));
}

/// A list that was read whole a day ago and in part now, for a reason.
fn read_in_part(reason: &str) -> World {
    let mut world = watched();
    let (now_ms, day_ms) = (world.findings.now.as_millisecond(), 86_400_000);
    let interval = |from_ms: i64, state, reason: &str| Coverage {
        from_ms,
        to_ms: from_ms + day_ms,
        state,
        items: 1,
        skipped: 0,
        reason: reason.to_owned(),
    };
    let intervals = vec![
        interval(now_ms - 2 * day_ms, CoverageState::Covered, ""),
        interval(now_ms - day_ms, CoverageState::Partial, reason),
    ];
    world.ledger.sources.insert("access/acme".to_owned(), intervals);
    world
}

/// The documents that tell of every source.
fn told(world: &World) -> [String; 4] {
    let report = world.report();
    let digest = letter::digest(&report);
    [digest.text, digest.html, text::summary(&report, 100), html::page(&report)].map(|text| words(&text))
}

#[test]
fn why_a_source_is_read_in_part_is_said_once() {
    let reason = "the list of members: status 503";
    let mut world = read_in_part(reason);
    let now = world.findings.now;
    let last_failure = Some((now, reason.to_owned()));
    world.sources = vec![SourceLine {
        name: "access/acme".to_owned(),
        // A round ended since then, but without a part.
        last_success: Some(now - 1.hour()),
        last_failure,
        ..SourceLine::default()
    }];
    for text in told(&world) {
        assert_eq!(text.to_lowercase().matches(reason).count(), 1, "{text}");
        assert!(text.contains("and a round without that ended at 2 Jul 2026"), "{text}");
    }
}

#[test]
fn a_list_of_which_a_part_was_never_read_says_so() {
    let mut world = read_in_part("the rights are closed to us");
    let never = "rights are closed to us; the rest was read, and a round without that";
    for text in told(&world) {
        assert!(text.contains(&format!("{never} ended at 2 Jul 2026")), "{text}");
    }
    world.ledger.sources.get_mut("access/acme").expect("it is there").remove(0);
    for text in told(&world) {
        assert!(text.contains(&format!("{never} has not ended yet")), "{text}");
    }
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
    assert_eq!(subject(&world), "[duskwatch] no campaign is configured");
    assert!(html::page(&world.report()).contains("No campaign is configured"));
}

#[test]
fn nobody_looking_is_said_when_nothing_is_configured() {
    assert!(text::summary(&empty().report(), 100).contains("Nobody is looking"));
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
fn a_source_that_stands_still_is_behind() {
    let mut world = acme();
    world.sources[2].last_success = Some(at("2026-07-01T00:00:00Z"));
    let log = world.ledger.sources.get_mut("log/egress").expect("it is there");
    log.retain(|c| c.state == CoverageState::Covered);
    log.truncate(1);
    log[0].to_ms = at("2026-07-01T00:00:00Z").as_millisecond();
    let text = text::summary(&world.report(), 100);
    assert!(text.contains("log/egress: behind"), "{text}");
}

#[test]
fn a_sender_that_speaks_when_there_is_something_to_say_is_not_behind_and_a_stream_that_stops_is() {
    let mut world = acme();
    let last = at("2026-06-29T12:00:00Z");
    world.sources = vec![SourceLine { name: "intake/ci".to_owned(), last_success: Some(last), ..SourceLine::default() }];
    let delivered = |hours: i64| {
        let to_ms = last.as_millisecond();
        let (from_ms, state) = (to_ms - hours * 3_600_000, CoverageState::Covered);
        vec![Coverage { from_ms, to_ms, state, items: 1, skipped: 0, reason: String::new() }]
    };
    for (hours, state, complete) in [(3, SourceState::Reading, true), (40, SourceState::Behind, false)] {
        world.ledger.sources = [("intake/ci".to_owned(), delivered(hours))].into();
        let coverage = world.report().coverage;
        assert_eq!((coverage.sources[0].state, coverage.complete), (state, complete), "{hours} hours");
    }
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
fn time_that_nothing_tells_of_was_not_read() {
    let mut world = acme();
    let now = world.findings.now;
    let read = |hours_ago: (i64, i64)| {
        let [from_ms, to_ms] = [hours_ago.0, hours_ago.1].map(|hours| now.as_millisecond() - hours * 3_600_000);
        Coverage { from_ms, to_ms, state: CoverageState::Covered, items: 1, skipped: 0, reason: String::new() }
    };
    world.previous = None;
    let mut seen = |name: &str, polled_ago: i64, fresh_for: u64, intervals: Vec<Coverage>| {
        let last_success = Some(time::instant(now.as_millisecond() - polled_ago * 3_600_000));
        let fresh_for = Some(std::time::Duration::from_secs(fresh_for * 3_600));
        world.sources = vec![SourceLine { name: name.to_owned(), last_success, fresh_for, ..SourceLine::default() }];
        world.ledger.sources = [(name.to_owned(), intervals)].into();
        let report = world.report();
        let row = &report.coverage.sources[0];
        assert_eq!(row.gap_seconds > 0, row.missed_hours > 0.0, "{name}: {row:?}");
        (report.coverage.complete, row.missed_hours)
    };
    assert_eq!(seen("log/egress", 0, 1, vec![read((900, 0))]), (true, 0.0));
    assert_eq!(seen("log/egress", 1, 1, vec![read((900, 1))]), (true, 0.0), "an hour is a round that is late");
    assert_eq!(seen("log/egress", 20, 1, vec![read((900, 20))]), (false, 20.0), "nobody has looked since");
    assert_eq!(seen("log/egress", 0, 1, vec![read((900, 12)), read((10, 0))]), (false, 2.0), "nobody looked in between");
    assert_eq!(seen("query/siem", 0, 3, vec![read((900, 2))]), (true, 0.0), "it is asked for hours that are over");
    assert_eq!(seen("query/siem", 0, 3, vec![read((900, 5))]), (false, 5.0), "it answers, and says nothing of the last hours");
    assert_eq!(seen("access/acme", 6, 18, vec![]), (true, 0.0), "a list tells how things stand");
    assert_eq!(seen("access/acme", 14, 18, vec![read((60, 14))]), (true, 0.0));
    assert_eq!(seen("access/acme", 19, 18, vec![read((60, 19))]), (false, 19.0), "three rounds are missing");
    assert_eq!(seen("intake/ci", 3, 1, vec![read((900, 40)), read((15, 13))]), (true, 0.0), "a sender speaks when it has to");
    assert_eq!(seen("import/files", 3, 1, vec![read((900, 3))]), (true, 0.0));
    assert_eq!(
        seen("import/files", 100, 1, vec![read((900, 100))]),
        (false, 0.0),
        "files by hand that end long ago, and nothing else"
    );
    let told = text::summary(&world.report(), 200);
    assert!(told.contains("Nobody is looking: all that was read are files that were imported by hand"), "{told}");
}

#[test]
fn tokens_that_nobody_has_counted_are_no_figure() {
    let mut world = acme();
    let is_told = |world: &World| world.report().figures.iter().any(|figure| figure.name == "duskwatch.tokens.expiring");
    assert!(is_told(&world));
    world.findings.tokens.clear();
    world.ledger.sources.remove("tokens/acme");
    world.sources.retain(|line| line.name != "tokens/acme");
    assert!(!is_told(&world));
}

#[test]
fn time_before_a_source_was_there_was_not_read_either() {
    let mut world = acme();
    world.previous = None;
    let now_ms = world.findings.now.as_millisecond();
    let read = |from: i64, to: i64| {
        let [from_ms, to_ms] = [from, to].map(|hours| now_ms - hours * 3_600_000);
        Coverage { from_ms, to_ms, state: CoverageState::Covered, items: 1, skipped: 0, reason: String::new() }
    };
    // A log that begins in the middle of the day, and lists that were read first after the day that is looked at.
    for (name, intervals, missed) in [("log/egress", read(6, 0), 18.0), ("access/acme", read(-48, -72), 24.0)] {
        let last_success = Some(time::instant(intervals.to_ms));
        world.sources = vec![SourceLine { name: name.to_owned(), last_success, ..SourceLine::default() }];
        world.ledger.sources = [(name.to_owned(), vec![intervals])].into();
        let coverage = world.report().coverage;
        assert_eq!((coverage.complete, coverage.sources[0].missed_hours), (false, missed), "{name}");
    }
}

#[test]
fn figures_are_those_of_the_contract_with_bounded_attributes() {
    let mut world = acme();
    world.campaign().integrations[1].workspace = Some("someone-elses".to_owned());
    let mut all = world.report().figures;
    all.extend(world.own_figures());
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let fits = |attributes: &[(&'static str, String)]| {
            wanted.iter().all(|(k, v)| attributes.iter().any(|(key, value)| key == k && value == v))
        };
        all.iter().find(|f| f.name == name && fits(&f.attributes)).map(|f| f.value)
    };
    assert_eq!(value("duskwatch.integrations", &[("workspace", "acme"), ("status", "failing"), ("category", "CI")]), Some(1.0));
    assert_eq!(value("duskwatch.integrations", &[("workspace", "other"), ("status", "active")]), Some(1.0));
    assert_eq!(value("duskwatch.integrations", &[("workspace", "other"), ("status", "retired")]), Some(0.0));
    assert_eq!(value("duskwatch.users.remaining", &[("workspace", "acme"), ("organization", "acme")]), Some(3.0));
    assert_eq!(value("duskwatch.observed.ratio", &[("workspace", "acme")]), Some(0.7625));
    assert_eq!(value("duskwatch.observed.ratio", &[("workspace", "other")]), None, "unknown is not zero");
    assert_eq!(value("duskwatch.overdue", &[]), Some(1.0));
    assert_eq!(value("duskwatch.unowned", &[]), Some(1.0));
    assert_eq!(value("duskwatch.waivers.expiring", &[]), Some(1.0));
    assert_eq!(value("duskwatch.authentications", &[("workspace", "other"), ("grade", "strong")]), Some(3.0));
    assert_eq!(value("duskwatch.removal.time", &[]), Some(1_785_196_800.0));
    assert_eq!(value("duskwatch.tokens.expiring", &[("within", "14d")]), Some(1.0));
    assert_eq!(value("duskwatch.tokens.expiring", &[("within", "7d")]), Some(0.0));
    assert_eq!(value("duskwatch.source.gap", &[("source", "log/egress")]), Some(12_600.0));
    assert_eq!(value("duskwatch.source.lag", &[("source", "log/egress")]), Some(10.0));
    assert_eq!(value("duskwatch.source.requests", &[("status_class", "429")]), Some(2.0));
    assert_eq!(value("duskwatch.credential.expiry.time", &[]), Some(1_783_641_600.0));
    assert!(value("duskwatch.source.items", &[("source", "log/egress"), ("reason", "kept")]).is_some());
    assert_eq!(value("duskwatch.source.skipped", &[("source", "audit/acme"), ("reason", "malformed")]), Some(0.0));
    assert_eq!(value("duskwatch.store.size", &[]), Some(5_242_880.0));
    assert_eq!(value("duskwatch.store.free", &[]), None, "a file system that says nothing is not full");
}

#[test]
fn five_thousand_integrations_make_no_more_series_than_a_handful() {
    let mut world = acme();
    let few = series(&world);
    let row = world.campaign().integrations[0].clone();
    world.campaign().integrations.extend((1..=5_000_u32).map(|n| Integration {
        id: format!("{n:08}"),
        rank: Some(n + 100),
        user: Person { id: format!("name:somebody-{n}"), ..row.user.clone() },
        workspace: Some(format!("workspace-{}", n % 700)),
        ..row.clone()
    }));
    let many = series(&world);
    assert!(many.len() < 400 && many.len() < few.len() + 20, "{} series, {} before", many.len(), few.len());
    for part in ["somebody", "workspace-", "00000001", "duskwatch_rank"] {
        assert!(!many.iter().any(|line| line.contains(part)), "{part}");
    }
}

#[test]
fn the_highest_ranks_are_single_series_where_somebody_asks_for_them() {
    let mut world = acme();
    world.top = 2;
    let ranks: Vec<_> = series(&world).into_iter().filter(|line| line.starts_with("duskwatch_rank{")).collect();
    assert_eq!(ranks.len(), 2, "{ranks:#?}");
    for label in ["campaign", "integration", "user", "client", "origin", "owner", "status"] {
        assert!(ranks.iter().all(|line| line.contains(&format!("{label}=\""))), "{label}: {ranks:#?}");
    }
}

/// Every series of both telemetries, as Prometheus reads it.
fn series(world: &World) -> Vec<String> {
    let mut figures = world.report().figures;
    figures.extend(world.own_figures());
    prometheus::exposition(&figures).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
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

#[test]
fn what_did_not_arrive_is_told_in_the_next_digest() {
    let mut world = acme();
    let lost = |audience: &str| Undelivered {
        channel: "mail".to_owned(),
        audience: audience.to_owned(),
        due: at("2026-07-01T07:00:00Z"),
        failure: "550 no such user".to_owned(),
    };
    world.undelivered = vec![lost("leadership"), lost("owner:payments"), lost("leadership")];
    let digest = letter::digest(&world.report());
    for body in [digest.text, digest.html].map(|body| words(&body)) {
        assert!(body.contains("The brief that was due on 1 Jul 2026 07:00 UTC did not reach 2 of its recipients"), "{body}");
        assert!(body.contains("The notice to payments that was due on 1 Jul 2026"), "{body}");
    }
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
fn where_no_list_of_tokens_was_read_nothing_says_that_none_ends() {
    let mut world = after_the_removal();
    world.findings.tokens.clear();
    world.ledger.sources.remove("tokens/acme");
    let report = world.report();
    let digest = letter::digest(&report);
    assert_eq!(digest.subject, "[duskwatch] 1 broken, 1 stale secret, tokens not seen, day 116 after the removal");
    assert!(digest.html.contains(">?</b>"), "{}", digest.html);
    for body in [digest.text, digest.html, html::page(&report)].map(|body| words(&body)) {
        assert!(body.contains("Unknown: no inventory of tokens and no register has been read."), "{body}");
        for clean in ["0 replacement tokens", "days: 0.", "None within 60 days"] {
            assert!(!body.contains(clean), "{clean}: {body}");
        }
    }
    let read = Coverage {
        from_ms: at("2026-11-20T00:00:00Z").as_millisecond(),
        to_ms: at("2026-11-21T00:00:00Z").as_millisecond(),
        state: CoverageState::Covered,
        items: 0,
        skipped: 0,
        reason: String::new(),
    };
    world.ledger.sources.insert("tokens/acme".to_owned(), vec![read]);
    assert!(subject(&world).contains("0 tokens expire in 60 days"), "{}", subject(&world));
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
fn whom_nobody_sees_in_each_workspace_stands_with_the_coverage_of_the_digest() {
    let mut world = acme();
    let said = |world: &World| {
        let digest = letter::digest(&world.report());
        [digest.text, digest.html].map(|body| words(&body))
    };
    for body in said(&world) {
        let mut from = 0;
        for part in [
            "Could not look everywhere",
            "61 of 80 people",
            "acme: 61 of 80 active members seen (76 %), 19 not observed",
            "labs: unknown, its member list could not be read",
            "hat changed",
            "Ranking",
            "Sources",
        ] {
            let found = body[from..].to_lowercase().find(&part.to_lowercase());
            from += found.unwrap_or_else(|| panic!("{part} is missing or misplaced in {body}"));
        }
        assert_eq!(body.matches("19 not observed").count(), 1, "{body}");
    }
    world.findings.campaigns.clear();
    assert!(said(&world).iter().all(|body| body.contains("19 not observed") && body.contains("No campaign is configured")));
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
