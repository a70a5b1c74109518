use std::collections::BTreeMap;

use super::{super::MAX_LINE_BYTES, *};
use crate::evidence::Sighting;

const NOW: i64 = 1_783_058_832_000;

fn page<'a>(block: &'a str, table: &[(&str, &str)]) -> Page<'a> {
    let table: BTreeMap<String, String> = table.iter().map(|(field, key)| ((*field).to_owned(), (*key).to_owned())).collect();
    let fields = Fields::new(&table).expect("a valid mapping");
    parse_lines(block.as_bytes(), &fields, Defaults::default(), NOW)
}

fn one<'a>(line: &'a str, table: &[(&str, &str)]) -> Sighting<'a> {
    let page = page(line, table);
    assert_eq!(page.skipped, [], "{line}");
    assert_eq!(page.sightings.len(), 1, "{line}");
    page.sightings.into_iter().next().expect("one")
}

fn skipped(block: &str) -> Vec<(&'static str, u64, String)> {
    page(block, &[]).skipped.into_iter().map(|s| (s.reason, s.count, s.sample)).collect()
}

#[test]
fn the_evidence_object_of_the_contract_is_read() {
    let found = one(include_str!("../../../../tests/data/evidence/contract.jsonl"), &[]);
    assert_eq!(found.time_ms, 1_783_058_832_482);
    assert_eq!((found.workspace.as_deref(), found.repository.as_deref()), (Some("acme"), Some("payments-api")));
    assert_eq!((found.username.as_deref(), found.email, found.account_id), (Some("mtessel"), None, None));
    assert_eq!(found.client_ip, "198.51.100.7".parse().ok());
    assert_eq!((found.scheme.as_deref(), found.secret_prefix.as_deref()), (Some("basic"), Some("ATBB")));
    assert_eq!((found.status, found.uses, found.until_ms, found.authentication), (Some(410), 1, None, true));
    assert_eq!(found.message.as_deref(), Some("remote: CHANGE-3222 - Functionality has been deprecated"));
    assert!(matches!(found.path, Some(Cow::Borrowed("/acme/payments-api.git/info/refs"))));
}

#[test]
fn fields_are_found_where_the_mapping_says() {
    let table = [("time", "ts"), ("client_ip", "net.src.ip"), ("job", "ci.job"), ("status", "code")];
    let nested = r#"{"ts":1783058832,"net":{"src":{"ip":"198.51.100.7","port":1},"x":[{}]},"ci":{"job":"nightly"},"code":"401"}"#;
    let flat = r#"{"ts":"1783058832000","net.src.ip":"198.51.100.7:443","ci":null,"ci.job":"nightly","code":401.0,"status":200}"#;
    let found = one(nested, &table);
    assert_eq!((found.time_ms, found.status, found.job.as_deref()), (NOW, Some(401), Some("nightly")));
    assert_eq!(found.client_ip, "198.51.100.7".parse().ok());
    let found = one(flat, &table);
    assert_eq!((found.time_ms, found.job.as_deref()), (NOW, Some("nightly")));
    assert_eq!((found.client_ip, found.status), ("198.51.100.7".parse().ok(), Some(401)));
}

#[test]
fn types_are_forgiven() {
    let found = one(
        r#"{"time":"2026-07-03 06:07:12","job":4711,"uses":"12","status":"410 Gone","username":"","email":"-","message":null,
            "workspace":true,"until":"2026-07-04T09:00:00Z","repository":"acme/pay.git","method":"get"}"#
            .replace('\n', " ")
            .leak(),
        &[],
    );
    assert_eq!((found.time_ms, found.job.as_deref(), found.uses, found.status), (NOW, Some("4711"), 12, Some(410)));
    assert_eq!((found.username, found.email, found.message), (None, None, None));
    assert_eq!((found.workspace.as_deref(), found.repository.as_deref()), (Some("acme"), Some("pay")));
    assert_eq!(found.method.as_deref(), Some("GET"));
}

#[test]
fn uses_that_are_counted_together_end_with_their_day_and_not_after_now() {
    let line = r#"{"time":"2026-07-03T06:07:12Z","uses":3,"until":"2026-07-04T09:00:00Z"}"#;
    let until = |now_ms| parse_lines(line.as_bytes(), &Fields::default(), Defaults::default(), now_ms).sightings[0].until_ms;
    assert_eq!((until(NOW + 3_600_000), until(NOW + 86_400_000)), (Some(NOW + 3_600_000), Some(1_783_123_199_999)));
}

#[test]
fn a_name_in_a_url_is_read_without_its_escapes() {
    for (user, name, prefix) in [
        ("mira%40example.test:***", Some("mira@example.test"), None),
        ("mira%2Bci%40Example.test:ATBBabcd", Some("mira+ci@example.test"), Some("ATBB")),
        ("mira%2Bci", Some("mira+ci"), None),
        ("mira%3Ahunter2hunter2", Some("mira"), None),
        ("%41TBBhunter2hunter2hunter2", None, Some("ATBB")),
    ] {
        let line = format!(r#"{{"time":1783058832,"path":"https://{user}@api.bitbucket.org/2.0/user"}}"#);
        let found = one(&line, &[]);
        assert_eq!((found.username.as_deref(), found.secret_prefix.as_deref()), (name, prefix), "{user}");
    }
}

#[test]
fn a_header_or_a_url_gives_what_its_own_fields_do_not() {
    let header = r#"{"time":1783058832,"authorization":"Basic bXRlc3NlbDpBVEJCYWJjZA==","scheme":"Basic bm9ib2R5OngK"}"#;
    let found = one(header, &[]);
    assert_eq!((found.scheme.as_deref(), found.username.as_deref()), (Some("basic"), Some("mtessel")));
    assert_eq!(found.secret_prefix.as_deref(), Some("ATBB"));
    for (username, kept, prefix) in [
        ("ATATurk", Some("ATATurk"), None),
        ("mtessel:ATBBabcd", Some("mtessel"), Some("ATBB")),
        ("ATATT3xFfGF0abcd", None, Some("ATAT")),
    ] {
        let line = format!(r#"{{"time":1783058832,"username":"{username}"}}"#);
        let found = one(&line, &[]);
        assert_eq!((found.username.as_deref(), found.secret_prefix.as_deref()), (kept, prefix));
    }
    let url = r#"{"time":1783058832,"host":"proxy.example.test","username":"Mira.T@Example.test",
        "path":"https://mtessel:hunt@r2@bitbucket.org:443/acme/pay.git/info/refs?service=git-receive-pack&x=hunter2"}"#;
    let url = url.replace('\n', " ");
    let found = one(&url, &[]);
    assert_eq!((found.host.as_deref(), found.username.as_deref()), (Some("bitbucket.org"), Some("mira.t@example.test")));
    assert_eq!(found.path.as_deref(), Some("/acme/pay.git/info/refs?service=git-receive-pack"));
    // A tunnel's answer is the proxy's.
    let connect = one(r#"{"time":1783058832,"method":"connect","path":"altssh.bitbucket.org:443","status":200}"#, &[]);
    assert_eq!((connect.host.as_deref(), connect.path, connect.status), (Some("altssh.bitbucket.org:443"), None, None));
}

#[test]
fn a_repository_may_be_given_as_an_address() {
    for (given, workspace, repository) in [
        ("acme/web", Some("acme"), Some("web")),
        ("https://bitbucket.org/acme/web.git", Some("acme"), Some("web")),
        ("https://ada@bitbucket.org:443/acme/web/", None, None),
        ("git@bitbucket.org:acme/web.git", Some("acme"), Some("web")),
        ("ssh://git@bitbucket.org:22/acme/web", Some("acme"), Some("web")),
        ("https://bitbucket.org/web", None, Some("web")),
        ("web", None, Some("web")),
    ] {
        let line = format!(r#"{{"time":1783058832,"repository":"{given}"}}"#);
        let found = one(&line, &[]);
        assert_eq!((found.workspace.as_deref(), found.repository.as_deref()), (workspace, repository), "{given}");
    }
}

#[test]
fn a_remote_over_ssh_names_its_host_and_port_and_nobody() {
    for (fields, host, path) in [
        (r#""host":"BitBucket.org:22""#, "bitbucket.org:22", None),
        (r#""host":"bitbucket.org","port":22"#, "bitbucket.org:22", None),
        (r#""port":"22","host":"ssh.bitbucket.org""#, "ssh.bitbucket.org:22", None),
        (r#""host":"bitbucket.org","port":443"#, "bitbucket.org", None),
        (r#""host":"altssh.bitbucket.org","port":443"#, "altssh.bitbucket.org:443", None),
        (r#""host":"bitbucket.org:22","port":2222"#, "bitbucket.org:22", None),
        (r#""path":"ssh://git@bitbucket.org/acme/pay.git""#, "bitbucket.org", Some("/acme/pay.git")),
        (r#""path":"SSH://git@ssh.bitbucket.org:22/acme/pay.git""#, "ssh.bitbucket.org:22", Some("/acme/pay.git")),
        (r#""path":"git@bitbucket.org:acme/pay.git""#, "bitbucket.org", Some("/acme/pay.git")),
    ] {
        let line = format!(r#"{{"time":1783058832,"username":"git",{fields},"scheme":"ssh"}}"#);
        let found = one(&line, &[]);
        assert_eq!((found.host.as_deref(), found.path.as_deref()), (Some(host), path), "{line}");
        assert_eq!((found.scheme.as_deref(), found.username.as_deref()), (Some("ssh"), None), "{line}");
    }
    let found = one(r#"{"time":1783058832,"path":"git@bitbucket.org:acme/pay.git"}"#, &[]);
    assert_eq!(found.scheme.as_deref(), Some("ssh"));
    assert_eq!(one(r#"{"time":1783058832,"username":"git","scheme":"basic"}"#, &[]).username.as_deref(), Some("git"));
    let mapped =
        one(r#"{"time":1783058832,"dst":{"name":"bitbucket.org","port":22}}"#, &[("host", "dst.name"), ("port", "dst.port")]);
    assert_eq!(mapped.host.as_deref(), Some("bitbucket.org:22"));
}

#[test]
fn lines_that_are_no_evidence_are_counted_and_sampled() {
    assert_eq!(skipped("\r\n\n  \r\n"), []);
    assert_eq!(
        skipped("{\"time\":1,\"authorization\":\"Bearer hunter2\r\n[1]\nnull\n{\"time\":1}x\n"),
        [("malformed", 4, r#"{"time","authorization"}"#.to_owned())]
    );
    assert_eq!(skipped(r#"{"time":"soon","password":"hunter2"}"#), [("no_time", 1, r#"{"time","password"}"#.to_owned())]);
    assert_eq!(skipped(r#"{"time":1783145233}"#), [("future", 1, "2026-07-04T06:07:13Z".to_owned())]);
    assert_eq!(skipped(r#"{"time":1783145232}"#), []);
    assert_eq!(
        skipped(
            "{\"time\":1783058832,\"host\":\"GitHub.com\"}\n{\"time\":1783058832,\"path\":\"https://x:y@gitlab.com/a\",\"host\":\"bitbucket.org\"}"
        ),
        [("other_host", 2, "github.com".to_owned())]
    );
    assert_eq!(skipped(r#"{"time":1783058832,"uses":0}"#), [("no_use", 1, r#"{"time","uses"}"#.to_owned())]);
    for (bare, shape) in [("alice:hunter2", "a:a9"), ("pass=hunter2", "a=a9"), ("[hunter2]", "[a9]"), (r#""hunter2""#, r#""a9""#)]
    {
        assert_eq!(skipped(bare), [("malformed", 1, shape.to_owned())]);
    }
    for (line, keys) in [
        ("{alice:hunter2, pass=hunter2", "{}"),
        (r#"{"a":hunter2,"b":"x\",\"hunter2\":","c":"hunter2"#, r#"{"a","b","c"}"#),
        (r#"{"ATBBabcdefghijkl":1,"user":1"#, r#"{"user"}"#),
        (r#"{"kq8Zr2Lm9Xw4Tb7Yc1Vd":1,"user":alice:hunter2"#, r#"{"user"}"#),
    ] {
        assert_eq!(skipped(line), [("malformed", 1, keys.to_owned())]);
    }
    let long = format!(r#"{{"time":1,"message":"{}"}}"#, "x".repeat(MAX_LINE_BYTES));
    assert_eq!(skipped(&long)[0].0, "too_long");
}

#[test]
fn crlf_bad_utf8_and_a_byte_order_mark_do_no_harm() {
    let block = b"\xef\xbb\xbf{\"time\":1783058832,\"job\":\"a\"}\r\n{\"time\":1783058832,\"job\":\"b\xff\"}\r\n{\"time\":1783058832,\"job\":\"c\"}";
    let page = parse_lines(block, &Fields::default(), Defaults { host: Some("bitbucket.org") }, NOW);
    let jobs: Vec<_> = page.sightings.iter().map(|s| s.job.as_deref().unwrap_or("")).collect();
    assert_eq!(jobs, ["a", "b\u{fffd}", "c"]);
    assert!(page.sightings.iter().all(|s| s.host.as_deref() == Some("bitbucket.org")));
}

#[test]
fn long_and_deep_values_are_cut_or_refused() {
    let long =
        format!(r#"{{"time":1783058832,"message":"{}\u001b[31m","user_agent":"{}"}}"#, "é".repeat(5_000), "word ".repeat(500));
    let found = one(&long, &[]);
    assert!(found.message.is_some_and(|text| text.len() <= 1_000) && found.user_agent.is_some_and(|text| text.len() <= 300));
    let deep = format!(r#"{{"x":{}1{},"time":1783058832}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(one(&deep, &[]).time_ms, 1_783_058_832_000);
}
