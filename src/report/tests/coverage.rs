//! What the documents say of who looked, since when, and of what was not seen.

use jiff::{Timestamp, ToSpan as _};

use super::fixture::{World, acme, after_the_removal, at, authentications, empty, subject, watched, words};
use crate::{
    analysis::{Activity, Authentication, Silence},
    evidence::{Coverage, CoverageState, MALFORMED, time},
    report::{
        Report, SkippedLine, SourceLine,
        document::SourceState,
        html, letter,
        status::{self, OutboxRow, StoreRow},
        text,
    },
};

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
        assert!(text.contains("Look at audit/acme all the same: something about it is not as it should be"), "{text}");
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
    world.sources = world.ledger.sources.keys().map(|name| SourceLine { name: name.clone(), ..SourceLine::default() }).collect();
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
fn nobody_looking_is_said_when_nothing_is_configured() {
    assert!(text::summary(&empty().report(), 100).contains("Nobody is looking"));
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
        let fresh_for = (fresh_for > 0).then(|| std::time::Duration::from_secs(fresh_for * 3_600));
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
    assert_eq!(seen("intake/ci", 3, 0, vec![read((900, 40)), read((15, 13))]), (true, 0.0), "a sender speaks when it has to");
    assert_eq!(seen("import/files", 3, 0, vec![read((900, 3))]), (true, 0.0));
    assert_eq!(
        seen("import/files", 100, 0, vec![read((900, 100))]),
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
fn a_day_before_anybody_looked_is_unknown_and_not_zero() {
    let mut world = watched();
    let begins = world.findings.now - 24.hours();
    // Whoever asks for the day, or sets the clock back to it.
    // The end of a day is an instant that the day itself does not have; now is an instant that is looked at.
    for (looking_back, first_seen) in [(true, begins + 1.millisecond()), (false, begins)] {
        (world.looking_back, world.findings.now) = (looking_back, first_seen);
        assert!(!world.report().campaigns[0].blind, "what is looked at first right now is looked at");
        world.findings.now = first_seen - 1.millisecond();
        assert!(world.report().campaigns[0].blind, "looking back: {looking_back}");
    }
    world.findings.now = at("2026-06-01T00:00:00Z");
    assert_eq!(subject(&world), "[duskwatch] unknown: nothing that can show app passwords reaches back to then");
    let report = world.report();
    assert!(report.campaigns[0].blind, "a program is told as well");
    for text in [letter::digest(&report).text, letter::brief(&report).text, text::summary(&report, 100), html::page(&report)] {
        let text = words(&text);
        let said = "Unknown. Nothing that can show who signs in with app passwords reaches back to that day: what was read begins on \
                    2 Jul 2026";
        assert!(text.contains(said) && !text.contains("connect one of them"), "{text}");
    }
}

#[test]
fn a_report_of_a_day_that_is_past_knows_no_later_round() {
    let mut world = acme();
    let then = world.findings.now;
    let index = world.sources.iter().position(|line| line.name == "log/egress").unwrap();
    world.sources[index] = SourceLine {
        last_success: Some(then + 24.hours()),
        last_failure: Some((then + 48.hours(), "the file may not be read".to_owned())),
        warning: "the clock is wrong".to_owned(),
        items: 2_000_000,
        skipped: vec![SkippedLine { reason: MALFORMED.to_owned(), count: 77, sample: "<html>".to_owned() }],
        ..world.sources[index].clone()
    };
    let row = |world: &World| world.report().coverage.sources.into_iter().find(|row| row.source == "log/egress").unwrap();
    // Whoever looks at a day, or sets the clock back to it.
    let past = row(&world);
    assert_eq!((past.state, past.last_failure, past.warning.as_str()), (SourceState::Reading, None, ""));
    assert_eq!(past.last_success, past.looked_until);
    assert!(past.last_success.is_some_and(|at| at <= then), "{past:?}");
    assert_eq!((past.items, past.skipped, past.skipped_reasons.len()), (985_102, 6, 0), "the ledger's, {past:?}");

    // What failed then and failed again later: the ledger says why.
    let (failed, reason) = (then - 6.hours(), "the proxy was out of reach".to_owned());
    let interval = |(from, to): (Timestamp, Timestamp), state, reason| Coverage {
        from_ms: from.as_millisecond(),
        to_ms: to.as_millisecond(),
        state,
        items: 0,
        skipped: 0,
        reason,
    };
    let missed = interval((failed, then), CoverageState::Missed, reason.clone());
    let covered = interval((then - 30.hours(), failed), CoverageState::Covered, String::new());
    world.ledger.sources.insert("log/egress".to_owned(), vec![covered, missed.clone()]);
    let past = row(&world);
    assert_eq!((past.state, past.last_failure, &past.failure), (SourceState::Failing, Some(then), &reason));
    assert_eq!(past.last_success, Some(failed));
    world.ledger.sources.insert("log/egress".to_owned(), vec![missed]);
    world.sources[index].last_success = None;
    let never_read = row(&world);
    assert_eq!((never_read.state, never_read.failure), (SourceState::Failing, past.failure));

    world.findings.now = then + 48.hours();
    let later = row(&world);
    assert_eq!((later.state, later.failure.as_str()), (SourceState::Failing, "the file may not be read"));
}

#[test]
fn nobody_is_said_to_be_inactive_on_a_day_of_which_no_activity_is_kept() {
    let mut world = acme();
    let observation = world.findings.observation.as_mut().unwrap();
    (observation.active, observation.observed) = (0, 0);
    let said = |world: &World| world.report().coverage.observed.unwrap().words;
    let unknown = |why: &str| format!("How many of the people who work can be seen is unknown: {why}.");
    assert_eq!(said(&world), unknown("Bitbucket tells of nobody's activity in the last 30 days"));
    world.findings.observation.as_mut().unwrap().workspaces[0].activity = Activity::NotKept;
    assert_eq!(said(&world), unknown("of a day that is past nobody's activity is kept"));
}

#[test]
fn of_a_sender_whose_lines_cannot_be_read_it_is_said_that_they_come() {
    let mut world = acme();
    let name = "intake/ci".to_owned();
    let warning = "nothing of its newest request could be used (3 lines, malformed, such as ?a?): see what its sender sends";
    world.sources.push(SourceLine { name: name.clone(), warning: warning.to_owned(), ..SourceLine::default() });
    let told = |world: &World| {
        let report = world.report();
        let row = report.coverage.sources.iter().find(|row| row.source == name).unwrap();
        let digest = words(&letter::digest(&report).text);
        assert!(digest.contains(&words(&row.failure)) && digest.contains(&words(&row.warning)), "{digest}");
        (row.state, row.failure.clone(), row.warning.clone())
    };
    assert_eq!(told(&world), (SourceState::NeverRead, warning.to_owned(), String::new()));

    let now_ms = world.findings.now.as_millisecond();
    let heard = |from_days: i64, to_days: i64| {
        let (from_ms, to_ms) = (now_ms - from_days * time::MS_PER_DAY, now_ms - to_days * time::MS_PER_DAY);
        vec![Coverage { from_ms, to_ms, state: CoverageState::Covered, items: 1, skipped: 0, reason: String::new() }]
    };
    world.ledger.sources.insert(name.clone(), heard(4, 2));
    assert_eq!(told(&world), (SourceState::Behind, warning.to_owned(), String::new()));
    world.ledger.sources.insert(name.clone(), heard(4, 0));
    assert_eq!(told(&world), (SourceState::Reading, String::new(), warning.to_owned()));
    world.ledger.sources.insert(name.clone(), heard(4, 2));
    world.sources.last_mut().unwrap().warning.clear();
    let said = "nothing has come from its sender since then: see whether that runs";
    assert_eq!(told(&world), (SourceState::Behind, said.to_owned(), String::new()));
}

#[test]
fn what_senders_push_is_not_said_to_have_been_read_without_a_gap() {
    let mut world = acme();
    world.sources.retain(|s| s.name == "audit/acme");
    world.ledger.sources.retain(|name, _| name == "audit/acme");
    let heard = SourceLine { last_success: Some(world.findings.now), ..SourceLine::default() };
    let said = |world: &World| words(&letter::digest(&world.report()).text);
    assert!(said(&world).contains("Every source was read without a gap since"));
    world.sources.push(SourceLine { name: "intake/ci".to_owned(), ..heard.clone() });
    assert!(said(&world).contains("Every source that is polled was read without a gap since"), "{}", said(&world));
    world.sources.remove(0);
    world.ledger.sources.clear();
    assert!(said(&world).contains("Every sender has been heard") && !said(&world).contains("without a gap"), "{}", said(&world));
}

#[test]
fn a_source_that_missed_its_rounds_is_behind_by_name() {
    let mut world = acme();
    let read = world.findings.now - 2.hours();
    let line = world.sources.iter_mut().find(|line| line.name == "log/egress").expect("it is configured");
    (line.last_success, line.last_failure) = (Some(read), None);
    line.fresh_for = Some(std::time::Duration::from_secs(3_600));
    let intervals = world.ledger.sources.get_mut("log/egress").expect("it was read");
    intervals.retain(|interval| interval.state == CoverageState::Covered && interval.from_ms < read.as_millisecond());
    intervals.last_mut().expect("it was read before").to_ms = read.as_millisecond();
    for text in told(&world) {
        let at = text.find("no round of it has ended since then: see whether the service ran").expect("it says what to do");
        let row = &text[text[..at].rfind("egress").expect("it says of what")..at];
        assert!(row.contains("behind") && row.contains("3 Jul 2026 05:00 UTC"), "{row}");
    }
}

#[test]
fn counts_that_no_number_holds_are_as_many_as_one_can() {
    let mut world = acme();
    world.ledger.sources.values_mut().flatten().for_each(|interval| (interval.items, interval.skipped) = (u64::MAX, u64::MAX));
    world.findings.campaigns[0].integrations.iter_mut().for_each(|row| row.uses_30d = u64::MAX);
    for line in &mut world.sources {
        line.requests = vec![("2xx".to_owned(), u64::MAX), ("5xx".to_owned(), 1)];
    }
    world.findings.authentications = authentications().into_iter().map(|row| Authentication { uses: u64::MAX, ..row }).collect();
    world.service.authentications.iter_mut().for_each(|total| total.uses = u64::MAX);
    world.service.authentications.extend(world.service.authentications.clone());
    let report = world.report();
    let source = report.coverage.sources.iter().find(|source| source.source == "log/egress").expect("it is read");
    assert_eq!((source.items, source.skipped, source.requests), (u64::MAX, u64::MAX, u64::MAX));
    assert!(report.campaigns[0].blockers.iter().all(|blocker| blocker.uses_30d == u64::MAX));
    assert!(!html::page(&report).is_empty() && !letter::digest(&report).html.is_empty());
}

/// All that is said of a report: the documents, and the screen of `status`.
fn all_said(report: &Report) -> Vec<String> {
    let facts = status::Facts {
        store: StoreRow {
            path: "/store".to_owned(),
            bytes: 0,
            bytes_a_day: None,
            free_bytes: None,
            days_left: None,
            words: String::new(),
        },
        service: "runs".to_owned(),
        deliveries: Vec::new(),
        outbox: OutboxRow { pending: 0, oldest: None, waiting: Vec::new(), undeliverable: 0, given_up: Vec::new() },
    };
    let (digest, brief) = (letter::digest(report), letter::brief(report));
    let screen = status::text(&status::build(report, facts), 120);
    let said = [digest.subject, digest.text, digest.html, brief.subject, brief.text, brief.html, html::page(report), screen];
    said.map(|text| words(&text).to_lowercase()).into()
}

#[test]
fn every_document_says_the_same_of_why_nothing_is_known() {
    for removed in [false, true] {
        let mut unconnected = if removed { after_the_removal() } else { acme() };
        unconnected.campaign().integrations.clear();
        unconnected.ledger.sources.clear();
        let mut earlier = if removed { after_the_removal() } else { acme() };
        earlier.campaign().integrations.clear();
        let later = earlier.findings.now + 24.hours();
        for interval in earlier.ledger.sources.values_mut().flatten() {
            (interval.from_ms, interval.to_ms) = (later.as_millisecond(), later.as_millisecond() + 3_600_000);
        }
        for (world, said, other) in
            [(unconnected, "connected can show", "reaches back"), (earlier, "reaches back", "connected can")]
        {
            let report = world.report();
            assert!(report.campaigns[0].blind);
            for text in all_said(&report) {
                assert!(text.contains(said), "removed: {removed}: {text}");
                let wrong = [other, "could show them was read", "connect a log, a transcript"];
                let wrong = if said == "reaches back" { &wrong[..] } else { &wrong[..1] };
                assert!(!wrong.iter().any(|wrong| text.contains(wrong)), "removed: {removed}, {wrong:?}: {text}");
            }
        }
    }
}

#[test]
fn a_source_that_was_taken_out_of_the_configuration_is_listed_and_waited_for_by_nobody() {
    let mut world = acme();
    let (now_ms, day_ms) = (world.findings.now.as_millisecond(), time::MS_PER_DAY);
    let interval = |from_ms, to_ms, state| Coverage { from_ms, to_ms, state, items: 3, skipped: 0, reason: "401".to_owned() };
    let old = vec![
        interval(now_ms - 90 * day_ms, now_ms - 60 * day_ms, CoverageState::Covered),
        interval(now_ms - 60 * day_ms, now_ms - 59 * day_ms, CoverageState::NotPermitted),
    ];
    world.sources.retain(|s| s.name == "audit/acme");
    world.ledger.sources.retain(|name, _| name == "audit/acme");
    world.ledger.sources.insert("log/old".to_owned(), old);
    world.ledger.sources.insert("log/typo".to_owned(), vec![interval(now_ms - day_ms, now_ms, CoverageState::Missed)]);
    let report = world.report();
    let rows: Vec<_> = report.coverage.sources.iter().map(|row| (row.source.as_str(), row.state)).collect();
    let expected = [("audit/acme", SourceState::Reading), ("log/old", SourceState::Removed)];
    assert_eq!(rows, expected, "what was never read is gone with its name");
    assert_eq!((report.coverage.complete, report.coverage.sources[1].missed_hours), (true, 0.0));
    let digest = words(&letter::digest(&report).text);
    assert!(digest.contains("Every source was read without a gap"), "{digest}");
    let text = words(&text::summary(&report, 100));
    assert!(text.contains("log/old: not configured any more, read up to ") && !text.contains("401"), "{text}");

    world.sources.clear();
    world.ledger.sources.remove("audit/acme");
    let alone = world.report();
    assert!(!alone.coverage.complete);
    assert!(words(&letter::digest(&alone).text).contains("Nobody is looking: no source is configured"));
}

#[test]
fn an_engine_that_answers_again_is_not_refused_any_more_though_what_it_is_asked_for_is_older() {
    let mut world = acme();
    let (now, name) = (world.findings.now, "query/lake".to_owned());
    let refused_ms = now.as_millisecond() - 300_000;
    let refusal = Coverage {
        from_ms: refused_ms - 1,
        to_ms: refused_ms,
        state: CoverageState::NotPermitted,
        items: 0,
        skipped: 0,
        reason: "401".to_owned(),
    };
    let hour = Coverage {
        from_ms: refused_ms - 5_000_000,
        to_ms: refused_ms - 1_000_000,
        state: CoverageState::Covered,
        ..refusal.clone()
    };
    world.ledger.sources = [(name.clone(), vec![hour, refusal])].into();
    let mut state = |success: Option<i64>| {
        let last_success = success.map(|before| time::instant(now.as_millisecond() - before));
        let last_failure = Some((time::instant(refused_ms), "401".to_owned()));
        world.sources = vec![SourceLine { name: name.clone(), last_success, last_failure, ..SourceLine::default() }];
        let row = world.report().coverage.sources.remove(0);
        (row.state, row.failure)
    };
    assert_eq!(state(Some(600_000)), (SourceState::NotPermitted, "401".to_owned()));
    assert_eq!(state(Some(0)), (SourceState::Reading, String::new()));
}
