use super::*;
use crate::evidence::Origin;
use seal::{PrivateKey, PublicKey, Seal};

const SAMPLE: &str = include_str!("../../../tests/data/exchange/west.ndjson");

#[test]
fn a_file_is_written_as_it_is_read() {
    let (mut parser, mut number) = (Parser::default(), 0);
    for text in SAMPLE.lines() {
        let read = parser.line(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let written = match &read {
            Item::Header(header) => line(&Line::Header(header)),
            Item::Source(source) => line(&Line::Source(source)),
            Item::Coverage(source, interval) => line(&Line::Coverage(*source, interval)),
            Item::Track(source, track) => line(&Line::Track(*source, track)),
            Item::Count(count) => {
                let verdict = usize::from(parser.rules()[usize::from(count.verdict.rule)] == "basic-nickname-401");
                line(&Line::Count(count, verdict))
            }
            Item::Entry(entry) => line(&Line::Entry(entry)),
            Item::Skipped(skip) => panic!("{skip:?}: {text}"),
            Item::Defined => {
                number += 1;
                continue;
            }
        };
        assert_eq!(String::from_utf8_lossy(&written), format!("{text}\n"));
    }
    assert_eq!((number, parser.rules().len()), (2, 2));
}

#[test]
fn who_wrote_before_there_was_time_speaks_for_no_days_to_come() {
    let header = SAMPLE.lines().next().expect("a header");
    for (written_ms, from, until) in
        [(i64::MIN, "2031-01-01", "2031-02-01"), (i64::MIN, "2026-07-01", "2026-07-04"), (-1, "1969-12-30", "1970-01-01")]
    {
        let changed = header.replace("1783062000000", &written_ms.to_string());
        let changed = changed.replace("2026-07-01", from).replace("2026-07-04", until);
        assert!(Parser::default().line(changed.as_bytes()).is_err(), "{changed}");
    }
    assert!(Parser::default().line(header.as_bytes()).is_ok());
}

#[test]
fn a_key_is_known_by_its_other_half_in_every_form_that_openssl_writes() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGlVXn9oNS+gh8ZJgZ/yeNW9ObEdP845OHr8kBN7aGXh\n-----END PRIVATE KEY-----\n";
    let key = PrivateKey::from_pem(pem).expect("a key");
    assert_eq!(key.public().to_string(), "H8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV0=");
    for text in [
        "H8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV0=",
        "MCowBQYDK2VwAyEAH8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV0=",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAH8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV0=\n-----END PUBLIC KEY-----\n",
    ] {
        assert_eq!(text.parse::<PublicKey>(), Ok(key.public()), "{text}");
    }
    for text in ["", "H8jZ", "H8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV00", pem] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
    let digest = |text: &[u8]| {
        let mut seal = Seal::default();
        seal.add(text);
        seal.digest()
    };
    let signature = key.sign(&digest(b"a"));
    assert!(key.public().has_signed(&digest(b"a"), &signature) && !key.public().has_signed(&digest(b"b"), &signature));
    assert_eq!(format!("{key:?}"), "PrivateKey");
}

#[test]
fn names_of_sources_say_whose_they_are() {
    for (name, instance, own) in [
        ("log/egress", None, "log/egress"),
        ("exchange/emea", Some("emea"), ""),
        ("exchange/emea/log/egress", Some("emea"), "log/egress"),
    ] {
        assert_eq!((instance_of(name), own_name(name)), (instance, own));
        if let Some(instance) = instance {
            assert_eq!(source_name(instance, own), name);
        }
    }
    let named = |name: &str| is_instance(name);
    assert!(["emea", "eu-west-1", "a"].into_iter().all(named));
    assert!(!["", "EMEA", "a/b", "a b", "-a", "a-", "..", "é", "a".repeat(33).as_str()].into_iter().any(named));
}

#[test]
fn what_waits_for_the_end_of_a_file_fits_into_memory() {
    let mut parser = Parser::default();
    for text in SAMPLE.lines().take(3) {
        parser.line(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    let reason = "x".repeat(16_000);
    let line = format!(
        "{{\"kind\":\"coverage\",\"source\":0,\"from_ms\":1782950400000,\"to_ms\":1783036800000,\"state\":\"missed\",\"items\":0,\"skipped\":0,\"reason\":\"{reason}\"}}"
    );
    let fits = MAX_HELD_BYTES / line.len();
    assert!((0..fits).all(|_| parser.line(line.as_bytes()).is_ok()));
    assert_eq!(parser.line(line.as_bytes()), Err(Malformed("more coverage and registers than memory should hold".to_owned())));
}

/// What becomes of the next line of a file.
fn read_in(text: &str) -> Item {
    let mut parser = Parser::default();
    for text in SAMPLE.lines().take(3) {
        parser.line(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    parser.line(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn each_field_of_another_instance_is_searched_for_secrets_as_that_of_a_log() {
    let opaque = "kq8Zr2Lm9Xw4Tb7Yc1VdQ5sF3gH6jN0pR8tU2vX4zB6";
    let track = read_in(&format!(
        r#"{{"kind":"track","source":0,"username":"mtessel:hunter2","email":"mira@example.test:hunter2","account_id":"{opaque}","display_name":"Mira password=hunter2","client":"git-cli","origin_kind":"j","origin":"nightly --password hunter2","host":"mtessel:hunter2@bitbucket.org","workspace":"acme","repository":"{opaque}","token_id":"{opaque}","token_label":"{opaque}","secret_id":"{opaque}"}}"#
    ));
    let some = |text: &str| Some(text.to_owned());
    let expected = Track {
        username: some("mtessel"),
        email: some("mira@example.test"),
        account_id: some(opaque),
        display_name: some("Mira password=…"),
        client: some("git-cli"),
        origin: Origin::Job("nightly --password …".to_owned()),
        host: some("mtessel@bitbucket.org"),
        workspace: some("acme"),
        repository: some("…"),
        token_id: some(opaque),
        token_label: some("…"),
        secret_id: some(opaque),
    };
    assert_eq!(track, Item::Track(0, Box::new(expected)));
    let Item::Coverage(_, interval) = read_in(
        r#"{"kind":"coverage","source":0,"from_ms":1782950400000,"to_ms":1783036800000,"state":"missed","items":0,"skipped":0,"reason":"refused: https://mtessel:hunter2@bitbucket.org"}"#,
    ) else {
        panic!("no interval")
    };
    assert_eq!(interval.reason, "refused: https://mtessel@bitbucket.org");
}

#[test]
fn lists_of_another_instance_are_searched_for_secrets_as_those_that_are_read_here() {
    for (line, kept) in [
        (
            r#"{"kind":"list_person","person":{"account_id":"712020:mira","nickname":"mira:hunter2","display_name":"Mira token=hunter2","email":"mira@example.test:hunter2"}}"#,
            r#"{"kind":"list_person","person":{"account_id":"712020:mira","nickname":"mira","display_name":"Mira token=…","email":"mira@example.test"}}"#,
        ),
        (
            r#"{"kind":"list_credential","register":"credentials.csv","credential":"access_token","label":"kq8Zr2Lm9Xw4Tb7Yc1Vd","location":"vault --token hunter2","owner":"secret: hunter2","expires_ms":1796083200000}"#,
            r#"{"kind":"list_credential","register":"credentials.csv","credential":"access_token","label":"…","location":"vault --token …","owner":"secret=…","expires_ms":1796083200000}"#,
        ),
    ] {
        let Item::Entry(entry) = read_in(line) else { panic!("{line}") };
        assert_eq!(String::from_utf8_lossy(&super::line(&Line::Entry(&entry))).trim_end(), kept);
    }
}

#[test]
fn a_last_use_that_was_ahead_when_it_was_read_is_none() {
    let (written, ahead) = (1_783_062_000_000_i64, "1783148400001");
    let mut parser = Parser::default();
    let (mut told, mut skipped) = (Vec::new(), Vec::new());
    for text in SAMPLE.lines() {
        let text = text.replace("\"last_accessed_ms\":1783040000000", &format!("\"last_accessed_ms\":{ahead}"));
        let text = text.replace("\"last_used_ms\":null", &format!("\"last_used_ms\":{ahead}"));
        let text = text.replace("\"last_active_ms\":1783040000000", &format!("\"last_active_ms\":{ahead}"));
        let text = text.replace("\"last_ms\":1783040000000}", &format!("\"last_ms\":{ahead}}}"));
        match parser.line(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}")) {
            Item::Entry(entry) => match *entry {
                listed::Entry::Member(member, _) => told.push(member.last_accessed),
                listed::Entry::DeployKey(key, _) => told.push(key.last_used),
                listed::Entry::Token(token, _) => told.push(token.last_active_at),
                listed::Entry::TokenUse { last, .. } => told.push(Some(last)),
                _ => {}
            },
            Item::Header(header) => assert_eq!(header.written_ms, written),
            Item::Skipped(skip) => skipped.push((skip.reason, skip.count, skip.sample)),
            _ => {}
        }
    }
    assert_eq!(told, [None; 3], "a day after it was written they are known to be wrong");
    assert_eq!(skipped, [("future", 1, "2026-07-04T07:00:00.001Z".to_owned())], "nothing is left of that row, and it is counted");
}
