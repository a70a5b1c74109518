//! Whole transcripts of every CI system, as they lie on disk.

use std::collections::BTreeMap;

use super::*;

/// 2026-07-03T06:10:00Z: when the files were last written.
const CHANGED_MS: i64 = 1_783_059_000_000;
const NOW_MS: i64 = 1_783_062_000_000;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/evidence/transcripts/", $name))
    };
}

fn page(bytes: &[u8], path: &str) -> Page<'static> {
    parse(Piece { bytes, header: bytes, path, changed_ms: CHANGED_MS }, NOW_MS)
}

/// A sighting in one line: time, job, scheme and user with the prefix of the secret, request, status, words.
fn shown(one: &Sighting<'_>) -> String {
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or("-").to_owned();
    let user = format!("{}:{}", text(&one.username), text(&one.secret_prefix));
    let address = format!("{}{}", text(&one.host), text(&one.path));
    let status = one.status.map_or("-".to_owned(), |status| status.to_string());
    format!(
        "{} | {} | {} {user} | {} {address} {status} | {}",
        time::instant(one.time_ms),
        text(&one.job),
        text(&one.scheme),
        text(&one.method),
        text(&one.message),
    )
}

fn sightings(bytes: &[u8], path: &str) -> Vec<String> {
    page(bytes, path).sightings.iter().map(shown).collect()
}

fn skipped(page: &Page<'_>) -> Vec<(&'static str, u64)> {
    page.skipped.iter().map(|skipped| (skipped.reason, skipped.count)).collect()
}

const GONE: &str = "remote: CHANGE-3222 - Functionality has been deprecated remote: App passwords are deprecated and must be \
    replaced with API tokens. remote: https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222";
const SECOND_LINE: &str = "remote: App passwords are deprecated and must be replaced with API tokens.";

#[test]
fn jenkins_tells_the_job_in_its_first_lines_and_the_user_in_the_command() {
    let request = "basic mtessel:- | GET bitbucket.org/acme/payments-api.git/info/refs 410";
    let expected =
        ["07:12.482Z", "07:13.482Z"].map(|time| format!("2026-07-03T06:{time} | payments-nightly | {request} | {GONE}"));
    assert_eq!(sightings(fixture!("jenkins_timestamper.log"), "17/log"), expected, "each try is one failure");
    let mirror = "2026-07-03T00:00:01Z | team/mirror | basic svc-mirror:ATBB | GET bitbucket.org/acme/ledger.git/info/refs 410";
    let found = sightings(fixture!("jenkins_times_of_day.log"), "17/log");
    assert_eq!(found, [format!("{mirror} | {SECOND_LINE}")], "after midnight it is the day of the file's last change");
}

#[test]
fn gitlab_gives_each_line_or_only_each_section_a_time() {
    let clone = "2026-07-03T06:07:12.482Z | platform/payments | - -:- | GET bitbucket.org/acme/shared-lib.git/info/refs 410";
    let found = sightings(fixture!("gitlab_runner.log"), "trace");
    assert_eq!(found, [format!("{clone} | {GONE}")], "the name of a variable is nobody's");
    let push = "basic ci-bot:- | GET bitbucket.org/acme/site.git/info/refs?service=git-receive-pack 410";
    let found = sightings(fixture!("gitlab_sections_only.log"), "trace");
    assert_eq!(found, [format!("2026-07-03T06:07:12Z | platform/payments/publish | {push} | {SECOND_LINE}")]);
}

#[test]
fn github_prints_a_refusal_twice_and_it_counts_once() {
    let fetch = "2026-07-03T06:07:12.482Z | mirror (ubuntu-24.04) | - -:- | GET bitbucket.org/acme/site/info/refs 410";
    let words = "remote: CHANGE-3222 - Functionality has been deprecated";
    let expected = [format!("{fetch} | {words} {SECOND_LINE}"), format!("{fetch} | -")];
    assert_eq!(sightings(fixture!("github_actions.txt"), "1_mirror.txt"), expected, "git's 410 counts without words too");
}

#[test]
fn bamboo_and_pipelines_and_a_terminal_are_read_alike() {
    let bamboo = "2026-07-03T06:07:12Z | ACME-PAY-JOB1 | basic bbuild:- | GET bitbucket.org/acme/payments-api.git/info/refs 410";
    assert_eq!(sightings(fixture!("bamboo.log"), "ACME-PAY-JOB1-17.log"), [format!("{bamboo} | {GONE}")]);
    let module = "2026-07-03T06:10:00Z | acme/site | - -:- | GET bitbucket.org/acme/shared-lib.git/info/refs 410";
    assert_eq!(sightings(fixture!("bitbucket_pipelines.log"), "42.log"), [format!("{module} | {GONE}")]);
    let docs = "2026-07-03T06:10:00Z | laptop | basic mira.t@example.test:- | GET bitbucket.org/acme/docs.git/info/refs 410";
    assert_eq!(sightings(fixture!("plain_terminal.log"), "/home/mira/laptop-3.txt"), [format!("{docs} | {GONE}")]);
}

#[test]
fn an_answer_of_the_api_is_evidence_with_its_status() {
    let site = "2026-07-03T06:10:00Z | deploy | basic deploy-bot:- |";
    let at = "api.bitbucket.org/2.0/repositories/acme";
    let body = r#"{"type": "error", "error": {"message": "App passwords are deprecated and must be replaced with API tokens."}}"#;
    let record = format!(
        r#"{{"time":"2026-07-03T06:07:12Z","msg":"GET https://{at}/infra failed","status":401,"body":"App passwords are deprecated and must be replaced with API tokens."}}"#
    );
    let expected = [
        format!("{site} GET {at}/site/downloads 401 | -"),
        format!("{site} POST {at}/site/pullrequests 401 | {body}"),
        format!("2026-07-03T06:10:00Z | deploy | - -:- | - {at}/infra 401 | {record}"),
    ];
    let found = page(fixture!("rest_answers.log"), "deploy-17.log");
    assert_eq!(found.sightings.iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(skipped(&found), [("no_evidence", 10), ("no_user", 1)]);
}

#[test]
fn a_bare_status_counts_right_before_the_body_and_in_the_line_above_it() {
    let (url, body) =
        ("https://api.bitbucket.org/2.0/repositories/acme/infra", r#"{"error": {"message": "App passwords are deprecated"}}"#);
    for answer in [
        format!("401 {body}"),
        format!("[ERROR] 401 {body}"),
        format!("Response 401: {body}"),
        format!("error 401: {body}"),
        format!("response from {url}: 401 {body}"),
        format!("Error: {url}: 401 Unauthorized {body}"),
        format!("GET {url}: 401 Unauthorized: App passwords are deprecated and must be replaced"),
        format!("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: {url}\n{body}"),
        format!("GET {url} 401\n{body}"),
        format!("unexpected response 401 Unauthorized from {url}\nresponse body: {body}"),
    ] {
        let text = format!("+ curl -u mtessel {url}\n{answer}\n");
        let found = page(text.as_bytes(), "x.log");
        let shown: Vec<_> = found.sightings.iter().map(|one| (one.status, one.message.is_some())).collect();
        assert_eq!(shown, [(Some(401), true)], "{answer}: {:?}", skipped(&found));
    }
    // Neither what is below another line, nor a sentence that has the number and the words in it.
    for other in [format!("GET {url} 401\nnext\n{body}"), "fixed 401 App passwords are deprecated".to_owned()] {
        let found = page(other.as_bytes(), "x.log");
        assert!(found.sightings.iter().all(|one| one.message.is_none()), "{other}: {:?}", skipped(&found));
    }
}

#[test]
fn other_refusals_count_where_they_name_a_user() {
    let found = page(fixture!("other_refusals.log"), "x.log");
    let request =
        |user, slug| format!("2026-07-03T06:10:00Z | x | basic {user}:- | GET bitbucket.org/acme/{slug}.git/info/refs 401 |");
    let expected = [
        format!("{} remote: API Token provided has no Bitbucket scopes.", request("mtessel", "one")),
        format!("{} -", request("x-bitbucket-api-token-auth", "four")),
    ];
    assert_eq!(found.sightings.iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(skipped(&found), [("no_evidence", 12), ("no_user", 1)]);
}

#[test]
fn a_refusal_that_names_its_kind_of_credential_is_kept_in_the_words_of_the_server() {
    const UNSCOPED: &str = "remote: API Token provided has no Bitbucket scopes.";
    const NAMELESS: &str = r#"{"type":"error","error":{"message":"API token must be used with an atlassian registered email"}}"#;
    const PASSWORD: &str = "Bitbucket Cloud recently stopped supporting account passwords for API authentication.";
    let clone = "$ git clone https://bitbucket.org/acme/one.git";
    let last = "fatal: Authentication failed for 'https://bitbucket.org/acme/one.git/'";
    let curl = "+ curl -i -u ada:$TOKEN https://api.bitbucket.org/2.0/user";
    for (lines, address, words) in [
        ([clone, UNSCOPED, last], "- -:- | GET bitbucket.org/acme/one.git/info/refs 401", UNSCOPED),
        ([curl, "HTTP/2 401", NAMELESS], "basic ada:- | GET api.bitbucket.org/2.0/user 401", NAMELESS),
        ([curl, "HTTP/2 401", PASSWORD], "basic ada:- | GET api.bitbucket.org/2.0/user 401", PASSWORD),
    ] {
        let found = sightings(format!("{}\n", lines.join("\n")).as_bytes(), "x.log");
        assert_eq!(found, [format!("2026-07-03T06:10:00Z | x | {address} | {words}")]);
    }
    let quoted = page(format!("{NAMELESS}\n").as_bytes(), "x.log");
    assert_eq!((quoted.sightings.len(), skipped(&quoted)), (0, vec![("no_evidence", 1), ("quotation", 1)]));
}

#[test]
fn a_name_in_an_address_is_read_without_its_escapes() {
    for (user, name) in [
        ("mira%40example.test:***", "mira@example.test:-"),
        ("mira%2Bci%40Example.test:$TOKEN", "mira+ci@example.test:-"),
        ("mira%2bci", "mira+ci:-"),
        ("mira%3Ahunter2hunter2", "mira:-"),
    ] {
        let lines =
            format!("+ curl -f https://{user}@api.bitbucket.org/2.0/user\ncurl: (22) The requested URL returned error: 401\n");
        let found = sightings(lines.as_bytes(), "x.log");
        assert_eq!(
            found,
            [format!("2026-07-03T06:10:00Z | x | basic {name} | GET api.bitbucket.org/2.0/user 401 | -")],
            "{user}"
        );
    }
}

#[test]
fn what_is_quoted_after_the_last_word_is_no_part_of_the_failure() {
    let output = b"Fetching 'refs/heads/main' from 'https://ada@bitbucket.org/acme/site.git'.\n\
        remote: Unauthorized\n\
        fatal: Authentication failed for 'https://bitbucket.org/acme/site.git/'\n\
        Finished processing\n\
        Build acme-site - Default Job #18 started building on agent Linux\n\
        see CHANGELOG.md: CHANGE-3222 asks for API tokens\n\
        Fetching 'refs/heads/main' from 'https://ada@bitbucket.org/acme/site.git'.\n";
    let found = page(output, "x.log");
    assert_eq!(found.sightings.len(), 1);
    assert_eq!(found.sightings[0].message.as_deref(), Some("remote: Unauthorized"));
    assert!(skipped(&found).contains(&("quotation", 1)), "{:?}", skipped(&found));
}

#[test]
fn a_quotation_is_no_evidence() {
    let found = page(fixture!("quotations.log"), "x.log");
    assert_eq!(found.sightings, []);
    assert_eq!(skipped(&found), [("no_evidence", 23), ("quotation", 9)]);
}

const ALL: [&[u8]; 11] = [
    fixture!("jenkins_timestamper.log"),
    fixture!("jenkins_times_of_day.log"),
    fixture!("gitlab_runner.log"),
    fixture!("gitlab_sections_only.log"),
    fixture!("github_actions.txt"),
    fixture!("bamboo.log"),
    fixture!("bitbucket_pipelines.log"),
    fixture!("plain_terminal.log"),
    fixture!("rest_answers.log"),
    fixture!("other_refusals.log"),
    fixture!("quotations.log"),
];

/// What each look found, without its time, which may come from a line that is gone; and what was skipped in all.
fn told(pages: &[Page<'_>]) -> (Vec<String>, BTreeMap<&'static str, u64>) {
    let sightings = pages.iter().flat_map(|page| &page.sightings);
    let mut counts = BTreeMap::new();
    pages.iter().flat_map(|page| skipped(page)).for_each(|(reason, count)| *counts.entry(reason).or_default() += count);
    (sightings.map(|one| shown(one).split_once('|').expect("a time").1.to_owned()).collect(), counts)
}

/// A look after every so many lines.
fn grown(bytes: &[u8], step: usize) -> Vec<Page<'static>> {
    let read = |bytes| parse(Piece { bytes, header: fixture!("bamboo.log"), path: "x.log", changed_ms: CHANGED_MS }, NOW_MS);
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let (mut cursor, mut pages) = (0, Vec::new());
    for end in ends.step_by(step) {
        let whole = split_operations(&bytes[cursor..end]).0;
        pages.push(read(whole));
        cursor += whole.len();
    }
    pages.push(read(&bytes[cursor..]));
    pages
}

#[test]
fn a_transcript_that_grows_line_by_line_tells_the_same() {
    for bytes in ALL {
        for step in [1, 2, 7] {
            let name = String::from_utf8_lossy(&bytes[..40]);
            assert_eq!(told(&grown(bytes, step)), told(&grown(bytes, usize::MAX)), "{name} {step}");
        }
    }
}

#[test]
fn each_failing_operation_ends_a_piece() {
    let text = fixture!("jenkins_timestamper.log");
    let pieces: Vec<_> = operations(text).collect();
    assert_eq!(pieces.concat(), text);
    assert_eq!(pieces.len(), 3);
    assert!(pieces[..2].iter().all(|piece| piece.ends_with(b"returned error: 410\n")));
    assert_eq!(operations(b"").count(), 1);
}

#[test]
fn no_secret_survives() {
    let mut secrets = String::from("Building in workspace /var/jenkins/workspace/pay\n");
    for command in [
        "git remote set-url origin https://ada:hunter2hunter2@bitbucket.org/acme/r.git",
        "$ git clone https://ATBBhunter2hunter2@bitbucket.org/acme/r.git",
        "+ curl -u ada:hunter2hunter2 https://api.bitbucket.org/2.0/repositories/acme/r?access_token=hunter2hunter2",
        "+ curl -H 'Authorization: Basic YWRhOmh1bnRlcjJodW50ZXIy' https://api.bitbucket.org/2.0/user",
    ] {
        for line in [
            command,
            "machine bitbucket.org login ada password hunter2hunter2",
            "remote: CHANGE-3222 for password=hunter2hunter2 and https://ada:hunter2hunter2@bitbucket.org/acme/r",
            "fatal: unable to access 'https://ada:hunter2hunter2@bitbucket.org/acme/r.git/': The requested URL returned error: 410",
            command,
            "remote: token ATBBhunter2hunter2 was refused",
            "fatal: Authentication failed for 'https://bitbucket.org/acme/r.git/'",
            "CHANGE-3222 https://ada:hunter2hunter2@bitbucket.org/ -u ada:hunter2hunter2",
            "fatal: unable to access 'https://ada:hunter2hunter2@bitbucket.test/acme/r.git/': The requested URL returned error: 410",
        ] {
            secrets.push_str(line);
            secrets.push('\n');
        }
    }
    let found = page(secrets.as_bytes(), "/srv/ada:hunter2hunter2@x/1.log");
    assert!(found.sightings.len() >= 6, "{found:?}");
    let kept = format!("{found:?}");
    assert!(!kept.contains("hunter2") && !kept.contains("aHVudGVy") && !kept.contains("YWRh"), "{kept}");
}

#[test]
fn hostile_files_are_read_in_bounds() {
    let binary: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    assert_eq!(page(&binary, "x").sightings, []);
    let long = [b"remote: CHANGE-3222 ".as_slice(), &b"x".repeat(1 << 20), b"\nfatal: x\n"].concat();
    let found = page(&long, "x");
    assert_eq!(found.sightings.len(), 1);
    assert!(found.sightings[0].message.as_deref().is_some_and(|words| words.len() <= MAX_WORDS));
    let many = "remote: CHANGE-3222 - Functionality has been deprecated\n".repeat(10_000);
    let found = page(many.as_bytes(), "x");
    assert!(found.sightings.len() <= 10_000 / MAX_OPERATION_LINES + 1, "{}", found.sightings.len());
    assert!(split_operations(many.as_bytes()).1.len() <= MAX_HELD_BYTES);
    let endless = b"x".repeat(2 * MAX_HELD_BYTES);
    let held = [b"git fetch https://bitbucket.org/acme/r\n".as_slice(), &endless].concat();
    assert_eq!(split_operations(&held).1, b"", "nothing is held for ever");
}

#[test]
fn a_time_far_ahead_is_no_evidence() {
    let line = "2027-07-03T06:07:12Z remote: CHANGE-3222 - Functionality has been deprecated\n";
    let found = page(line.as_bytes(), "x");
    assert_eq!((found.sightings.len(), skipped(&found)), (0, vec![("no_evidence", 1), ("future", 1)]));
}

#[test]
fn a_secret_is_gone_although_what_is_kept_ends_or_begins_within_it() {
    let at = |pad: usize, text: &str| format!("{}{text}", "x ".repeat(pad / 2));
    let url = "https://mtessel:hunter2-and-more-of-it@bitbucket.org/acme/r.git";
    let remote = format!("remote: CHANGE-3222 {}\n", at(960, url));
    let two = format!("remote: CHANGE-3222 {}\nremote: see {url}\n", at(940, ""));
    let quoted = format!("echo App passwords are deprecated {}\n", at(950, url));
    let long_value = "x".repeat(90);
    let record = at(1_000, &format!(r#""password": "{long_value} hunter2", "error": "App passwords are deprecated""#));
    let record = format!("{{\"code\": 401, {record}}}\n");
    let before = r#"", "error": "App passwords are deprecated", "at": ""#;
    let beginning = format!("{{\"code\": 401, \"x\": \"{}", at(LOOKED_AT - 120, before));
    let fill = "y ".repeat((LOOKED_AT - beginning.len() - 24) / 2);
    let endless = format!("{beginning}{fill}{url}\"}}\n");
    for text in [remote, two, quoted, record, endless] {
        let page = page(text.as_bytes(), "nightly.log");
        assert_eq!(page.sightings.len() + page.skipped.iter().filter(|one| one.reason == "quotation").count(), 1, "{text}");
        let said = format!("{:?} {:?}", page.sightings, page.skipped);
        assert!(!said.contains("hun"), "{said}");
        assert!(page.sightings.iter().all(|one| one.message.as_ref().is_some_and(|message| message.len() <= MAX_WORDS)));
    }
}

#[test]
fn a_quote_in_a_password_hides_neither_the_host_nor_what_follows_it() {
    let text = "fatal: Authentication failed for 'https://mtessel:hun'ter2@bitbucket.org/acme/r.git/'\n";
    let expected = "2026-07-03T06:10:00Z | nightly | basic mtessel:- | GET bitbucket.org/acme/r.git/info/refs 401 | -";
    assert_eq!(sightings(text.as_bytes(), "nightly.log"), [expected]);
    let other = page(text.replace("bitbucket.org", "example.test").as_bytes(), "nightly.log");
    assert!(!format!("{other:?}").contains("ter2"), "{other:?}");
}
