//! The program itself: what it prints where, and how it ends.

use std::{collections::BTreeSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use duskwatch::{simulator::ServeOptions, store::Store};
use serde_json::Value;

use crate::support::{
    NOW, Site, at, file_name, files, integrations,
    picture::{Counts, Picture, assert_same_counts},
    program::{Ran, duskwatch, duskwatch_at, duskwatch_now, duskwatch_within},
    small_world,
};

async fn site() -> Site {
    Site::grown(&small_world(21, at(NOW), 12), ServeOptions::default()).await
}

/// Puts other words into the configuration.
fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(site.config(), text.replace(from, to)).unwrap();
}

#[track_caller]
fn assert_refused(ran: &Ran, status: i32, words: &[&str]) {
    assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{ran:#?}");
    for word in words {
        assert!(ran.err.contains(word), "{word} is not in {}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_2() {
    let site = site().await;
    assert_refused(&duskwatch(&site, &["poll", "--frequently"]), 2, &["--frequently"]);
    assert_refused(&duskwatch(&site, &["run"]), 2, &["--now"]);
    assert_refused(
        &duskwatch(&site, &["poll", "--source", "log/ingress"]),
        2,
        &["log/ingress", "audit/acme", "log/egress-plain"],
    );
    assert_refused(&duskwatch(&site, &["import", "--format", "register", "a/list.csv", "b/list.csv"]), 2, &["named `list.csv`"]);
    assert_refused(&duskwatch(&site, &["simulate", "--size", "huge"]), 2, &["small, default or large"]);
    assert_refused(&duskwatch(&site, &["report", "--as-of", "yesterday"]), 2, &["yesterday"]);
    for command in ["report", "export"] {
        assert_refused(&duskwatch(&site, &[command, "--as-of", "2026-07-05"]), 2, &["2026-07-05", "has not come yet"]);
    }
    assert_refused(&duskwatch(&site, &["report", "--audience", "everybody"]), 2, &["owner:NAME"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_configuration_is_told_on_its_own_line() {
    let site = site().await;
    edit(&site, "requests_per_minute = 60000", "requests_per_minut = 60000");
    edit(&site, "name = \"egress-plain\"", "name = \"egress-inspected\"");
    let key = site.path("organization.key").display().to_string();
    fs::remove_file(&key).unwrap();
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), format!("{text}\n[schedule]\ndigest = \"soon\"\n")).unwrap();
    // A report needs no secret, so it does not miss the one that is gone.
    for (command, missed) in [("poll", Some(&key)), ("run", Some(&key)), ("report", None)] {
        let ran = duskwatch_now(&site, &[command]);
        let faults = 3 + missed.iter().count();
        let total = format!("{faults} faults in the configuration");
        assert_refused(&ran, 78, &["requests_per_minute", "egress-inspected", "soon", &total]);
        assert!(missed.is_none_or(|key| ran.err.contains(key.as_str())), "{}", ran.err);
        let name = site.config().display().to_string();
        let lines: Vec<_> = ran.err.lines().filter(|line| line.starts_with(&name)).collect();
        assert_eq!(lines.len(), faults, "{}", ran.err);
    }
    assert!(!site.store().exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_watches_nothing_is_a_fault_for_whoever_would_look() {
    let site = site().await;
    fs::write(site.config(), format!("[store]\npath = \"{}\"\n", site.store().display())).unwrap();
    for command in ["poll", "run"] {
        let named = format!("{}: (file): nothing is watched", site.config().display());
        assert_refused(&duskwatch_now(&site, &[command]), 78, &[&named]);
    }
    assert!(!site.store().exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_out_of_reach_ends_with_75_and_the_others_are_read() {
    let site = site().await;
    edit(&site, &site.server.atlassian_url(), "http://127.0.0.1:1");
    edit(&site, "http://127.0.0.1:1/2.0", &site.server.bitbucket_url());
    let ran = duskwatch(&site, &["poll"]);
    assert_eq!(ran.status, 75, "{ran:#?}");
    assert!(ran.err.contains("done in part: audit/acme, tokens/acme failed"), "{}", ran.err);
    assert!(ran.out.contains("audit/acme: ") && ran.out.contains("could not connect"), "{}", ran.out);
    let picture = Picture::of(&site.store()).await;
    assert!(picture.items("log/egress-plain") > 0 && picture.states["access/acme"].last_success.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_ends_with_75_and_says_which_secret_and_what_it_needs() {
    let site = site().await;
    fs::write(site.path("organization.key"), "revoked-last-week").unwrap();
    let ran = duskwatch(&site, &["poll"]);
    assert_eq!(ran.status, 75, "{ran:#?}");
    assert!(!format!("{ran:?}").contains("revoked-last-week"));
    for (source, scope) in [("audit/acme", "read:events:admin"), ("tokens/acme", "read:tokens:admin")] {
        let line = ran.out.lines().find(|line| line.starts_with(source)).unwrap();
        assert!(line.contains("401") && line.contains("organization.acme.api_key") && line.contains(scope), "{line}");
    }
    let picture = Picture::of(&site.store()).await;
    let told: Vec<_> = picture.states_of("audit/acme").into_iter().map(|(state, _)| state.to_owned()).collect();
    assert_eq!(told, ["not_permitted"], "and nothing is covered");
    assert!(picture.states["audit/acme"].failure.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_store_is_named_to_whoever_else_wants_it() {
    let site = site().await;
    let lock = Store::lock_exclusive(&site.store()).unwrap();
    let holder = format!("in use by process {}", std::process::id());
    for arguments in [vec!["poll"], vec!["send"]] {
        assert_refused(&duskwatch(&site, &arguments), 1, &[&holder]);
    }
    assert_refused(&duskwatch_now(&site, &["run"]), 1, &[&holder]);
    drop(lock);
    assert_eq!(duskwatch(&site, &["poll", "--source", "log/egress-plain"]).status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_are_not_ours_are_refused_and_left_alone() {
    let site = site().await;
    assert_refused(&duskwatch(&site, &["report"]), 1, &["there is no store here yet"]);
    fs::write(site.store(), "a shopping list, long enough to be mistaken for something else".repeat(20)).unwrap();
    let before = fs::read(site.store()).unwrap();
    for command in ["poll", "report", "export"] {
        assert_refused(&duskwatch(&site, &[command]), 1, &["not a duskwatch store"]);
    }
    assert_eq!(fs::read(site.store()).unwrap(), before);

    site.remove_store();
    drop(site.engine());
    rusqlite::Connection::open(site.store()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for command in ["poll", "report", "send"] {
        assert_refused(&duskwatch(&site, &[command]), 1, &["version 99", "use a newer program"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_packages_come_from_the_store_alone() {
    let site = site().await;
    let polled = duskwatch(&site, &["poll"]);
    assert_eq!(polled.status, 0, "{polled:#?}");
    assert_eq!(polled.out.lines().count(), site.engine().source_names().len(), "{}", polled.out);
    let before = Picture::of(&site.store()).await;

    let json = result(&site, &["report", "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert!(integrations(&report).len() > 3);
    let text = result(&site, &["report"]);
    let html = result(&site, &["report", "--format", "html"]);
    assert!(html.starts_with("<!doctype html>") || html.starts_with("<!DOCTYPE html>"), "{}", &html[..80]);
    let first = integrations(&report)[0]["integration"].as_str().unwrap();
    assert!(html.contains(first) && text.contains(first), "{text}");
    assert!(result(&site, &["report", "--audience", "leadership"]).contains("app passwords"));

    let past: Value = serde_json::from_str(&result(&site, &["report", "--format", "json", "--as-of", "2026-06-28"])).unwrap();
    assert_eq!(past["now"], "2026-06-29T00:00:00Z");
    assert!(integrations(&past).iter().all(|row| row["last_seen"].as_str().unwrap() < "2026-06-29"));
    let looked = past["coverage"]["sources"].as_array().unwrap().iter().filter_map(|row| row["looked_until"].as_str());
    assert!(looked.clone().count() > 3 && looked.clone().all(|until| until <= "2026-06-29T00:00:00Z"), "{past:#}");

    let owner = integrations(&report).iter().find_map(|row| row["owner"].as_str().filter(|name| !name.is_empty())).unwrap();
    let own: Value =
        serde_json::from_str(&result(&site, &["report", "--format", "json", "--audience", &format!("owner:{owner}")])).unwrap();
    assert!(!integrations(&own).is_empty() && integrations(&own).iter().all(|row| row["owner"] == owner));
    assert_refused(&duskwatch(&site, &["report", "--audience", "owner:nobody"]), 2, &["nobody"]);

    let output = site.path("report.json");
    assert_eq!(result(&site, &["report", "--format", "json", "--output", output.to_str().unwrap()]), "");
    assert_eq!(fs::read_to_string(&output).unwrap(), json);
    // Whether the group reads it is also up to the machine.
    assert_eq!(fs::metadata(output).unwrap().permissions().mode() & 0o737, 0o600);
    let package = result(&site, &["export"]);
    let names: Vec<String> = files(Path::new(package.trim())).iter().map(|path| file_name(path).to_owned()).collect();
    assert!(["integrations.csv", "coverage.csv", "datapackage.json"].iter().all(|name| names.contains(&(*name).to_owned())));
    assert_refused(&duskwatch(&site, &["send", "--audience", "leadership"]), 78, &["no mail server is configured"]);
    fs::remove_file(site.path("workspace.key")).unwrap();
    assert!(result(&site, &["send", "--audience", "security", "--dry-run"]).contains("Subject: [duskwatch] "));
    let after = Picture::of(&site.store()).await;
    assert_eq!(before.totals, after.totals);
    assert_same_counts(&before.counts, &after.counts);
}

/// Standard output of a command that must be well, and silent on standard error.
#[track_caller]
fn result(site: &Site, arguments: &[&str]) -> String {
    let ran = duskwatch(site, arguments);
    assert_eq!(ran.status, 0, "{arguments:?}: {ran:#?}");
    assert!(!ran.err.contains("WARN") && !ran.err.contains("ERROR"), "{arguments:?}: {}", ran.err);
    ran.out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_imported_twice_changes_nothing_and_a_grown_file_adds_its_new_lines() {
    let site = site().await;
    let lines: Vec<String> =
        site.lines().into_iter().filter(|(log, _)| *log == "egress-inspected").map(|(_, line)| line).collect();
    let (whole, part) = (lines.join("\n") + "\n", lines[..lines.len() / 2].join("\n") + "\n");
    let path = site.path("evidence.jsonl");
    let import = || result(&site, &["import", "--format", "json", path.to_str().unwrap()]);

    fs::write(&path, &part).unwrap();
    let first = import();
    assert!(first.contains(&format!("{} read", lines.len() / 2)) && first.contains("0 known before"), "{first}");
    let half = Picture::of(&site.store()).await;
    let again = import();
    assert!(again.contains(" 0 recorded"), "{again}");
    let same = Picture::of(&site.store()).await;
    assert_same_counts(&half.counts, &same.counts);
    assert_eq!(half.totals, same.totals);

    fs::write(&path, &whole).unwrap();
    let grown = import();
    assert!(grown.contains(&format!("{} known before", lines.len() / 2)), "{grown}");
    let grown = Picture::of(&site.store()).await;
    site.remove_store();
    import();
    let once = Picture::of(&site.store()).await;
    assert_same_counts(&once.counts, &grown.counts);
    assert_refused(
        &duskwatch(&site, &["import", "--format", "json", "--name", "ingress", path.to_str().unwrap()]),
        2,
        &["ingress"],
    );
    assert_refused(&duskwatch(&site, &["import", "--format", "json", "missing.jsonl"]), 1, &["missing.jsonl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_imported_by_hand_say_what_the_same_files_say_when_they_are_tailed() {
    let site = Site::grown(&small_world(3, at(NOW), 40), ServeOptions::default()).await;
    assert_eq!(duskwatch(&site, &["poll"]).status, 0);
    let polled = Picture::of(&site.store()).await;
    site.remove_store();
    let logs = [("gateway", "combined"), ("squid", "squid"), ("filter", "csv")];
    for (log, format) in logs {
        for path in files(&site.logs()).into_iter().filter(|path| file_name(path).starts_with(log)) {
            let arguments = ["import", "--format", format, "--name", log, path.to_str().unwrap()];
            let first = result(&site, &arguments);
            assert!(first.contains(" 0 known before"), "{first}");
            let again = result(&site, &arguments);
            assert!(again.contains(" 0 recorded"), "{again}");
        }
    }
    let imported = Picture::of(&site.store()).await;
    let of = |counts: &Counts, kind: &str| -> Counts {
        let named =
            |source: &str| logs.iter().find(|(log, _)| source == format!("{kind}/{log}")).map(|(log, _)| (*log).to_owned());
        let own = counts.iter().filter_map(|((source, track, day, verdict), count)| {
            Some(((named(source)?, track.clone(), *day, verdict.clone()), *count))
        });
        own.collect()
    };
    assert_same_counts(&of(&polled.counts, "log"), &of(&imported.counts, "import"));
    for (log, _) in logs {
        let (tailed, by_hand) = (format!("log/{log}"), format!("import/{log}"));
        assert_eq!((imported.items(&by_hand), imported.skipped(&by_hand)), (polled.items(&tailed), polled.skipped(&tailed)));
        assert_eq!(imported.coverage[&by_hand].len(), 1, "files of neighbouring months");
    }
    assert_refused(&duskwatch(&site, &["import", "--format", "xml", "x"]), 2, &["json, csv, combined, squid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_whose_time_has_not_come_is_skipped_once_and_imported_when_it_has() {
    let site = site().await;
    let line = |day: u32| format!("{{\"time\":\"2026-07-{day:02}T06:00:00Z\",\"job\":\"j\",\"host\":\"bitbucket.org\"}}\n");
    let path = site.path("evidence.jsonl");
    fs::write(&path, line(2) + &line(9) + &line(10)).unwrap();
    let import = |now| duskwatch_at(&site, now, &["import", "--format", "json", path.to_str().unwrap()]).out;
    let first = import(NOW);
    assert!(first.contains("3 read, 1 recorded, 0 known before") && first.contains("2 skipped (future)"), "{first}");
    let again = import(NOW);
    assert!(again.contains("3 read, 0 recorded, 3 known before") && !again.contains("skipped"), "{again}");
    let later = import("2026-07-11T07:00:00Z");
    assert!(later.contains("3 read, 2 recorded, 1 known before"), "{later}");
    let picture = Picture::of(&site.store()).await;
    assert_eq!((picture.items("import/files"), picture.skipped("import/files")), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_it_skipped_and_covers_only_what_it_read_to_the_end() {
    let site = site().await;
    let line =
        |day: u32, n: usize| format!("{{\"time\":\"2026-06-{day:02}T06:00:00Z\",\"job\":\"j{n}\",\"host\":\"bitbucket.org\"}}\n");
    let long = "x".repeat(5 << 20);
    let noise = "mtessel:hunter2\n{\"time\":1,\"host\":\"github.com\"}\n# a comment\n";
    let path = site.path("evidence.jsonl");
    // The earlier days stand in another block than the later ones.
    let body: String = (0..40_000).map(|n| line(if n < 20_000 { 3 } else { 9 }, n)).collect();
    fs::write(&path, format!("{}{noise}{long}\n{body}{}", line(2, 0), line(12, 0))).unwrap();
    let said = result(&site, &["import", "--format", "json", path.to_str().unwrap()]);
    for words in [
        "40002 recorded",
        "1 skipped (malformed)",
        "1 skipped (other_host), such as: github.com",
        "1 skipped (too_long)",
        "1 skipped (comment)",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert!(!said.contains("hunter2"));
    let picture = Picture::of(&site.store()).await;
    assert!(result(&site, &["import", "--format", "json", path.to_str().unwrap()]).contains(" 0 recorded"));
    let again = Picture::of(&site.store()).await;
    assert_eq!((&again.totals, &again.coverage), (&picture.totals, &picture.coverage));
    let [coverage] = picture.coverage["import/files"].as_slice() else { panic!("{:?}", picture.coverage) };
    let ends = [coverage.from_ms, coverage.to_ms].map(|ms| jiff::Timestamp::from_millisecond(ms).unwrap());
    assert_eq!(ends, [at("2026-06-02T00:00:00Z"), at("2026-06-13T00:00:00Z")]);

    site.remove_store();
    let mut packed = zstd::encode_all(body.as_bytes(), 1).unwrap();
    packed.truncate(packed.len() - 9);
    let damaged = site.path("evidence.jsonl.zst");
    fs::write(&damaged, packed).unwrap();
    assert_refused(&duskwatch(&site, &["import", "--format", "json", damaged.to_str().unwrap()]), 1, &["evidence.jsonl.zst"]);
    let picture = Picture::of(&site.store()).await;
    assert_eq!(picture.coverage.get("import/files"), None);
}

/// What a command may ask for, in KiB: less than the content of either archive below.
const LITTLE: u64 = 400 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_a_log_that_unpacks_without_end_fits_into_memory_and_is_told_whoever_reads_it() {
    let site = site().await;
    let zeros = vec![0; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros[..1 << 18]).unwrap();
    for (name, packed, times, tailed, imported) in [
        // One line of 512 MiB, and one of a GiB that is left before its end.
        ("long.jsonl.gz", gzip.finish().unwrap(), 2_048, "too_long", "1 skipped (too_long)"),
        ("endless.jsonl.zst", zstd::encode_all(&*zeros, 1).unwrap(), 1_024, "10000 times as long", "10000 times as long"),
    ] {
        let log = site.path(name);
        fs::write(&log, packed.repeat(times)).unwrap();
        let path = log.to_str().unwrap();
        let section = format!("[[log]]\nname = \"trap\"\npaths = [{path:?}]\n[csv]\ndirectory = \"\"\n");
        fs::write(site.config(), format!("[store]\npath = {:?}\n{section}", site.path(&format!("{name}.db")))).unwrap();
        for (arguments, words) in [(&["poll"][..], tailed), (&["import", "--format", "json", path], imported)] {
            let ran = duskwatch_within(&site, LITTLE, arguments);
            assert!(ran.status > 0 && format!("{}{}", ran.out, ran.err).contains(words), "{name}: {ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_any_length_has_the_people_of_its_organisation_and_can_be_read() {
    let site = site().await;
    let lines = |number: &str| result(&site, &["simulate", "--seed", "5", "--size", "small", "--lines", number, "--hours", "2"]);
    let (few, many) = (lines("2500"), lines("20000"));
    assert_eq!(many, lines("20000"));
    let values = |text: &str, field: &str| -> BTreeSet<String> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()[field].to_string()).collect()
    };
    let times = values(&many, "time");
    assert_eq!((few.lines().count(), many.lines().count(), times.len()), (2_500, 20_000, 20_000));
    assert_eq!(times.first().map(String::as_str), Some("\"2026-07-03T05:00:00.000Z\""));
    assert!(times.last().unwrap().starts_with("\"2026-07-03T06:59:59.") && many.lines().is_sorted());
    for field in ["username", "user_agent", "host"] {
        assert!(values(&few, field).len() > 3);
        assert_eq!(values(&few, field), values(&many, field), "{field}");
    }
    fs::write(site.path("load.jsonl"), &many).unwrap();
    let told = result(&site, &["import", "--format", "json", site.path("load.jsonl").to_str().unwrap()]);
    assert!(told.contains("20000") && !told.contains("malformed"), "{told}");
}
