use serde_json::{Value, json};

use super::*;
use crate::{
    analysis::rules::Rules,
    evidence::{
        Campaign, ClientCatalogue, NamedNetworks, Origin, Outcome, Skipped,
        format::{Defaults, Fields, json::parse_lines},
    },
};

/// Lines that hold secrets in every place where one has been seen; each secret is a word of the list below.
const LEAKY: &str = include_str!("../../../tests/data/evidence/secrets.jsonl");
const SECRETS: [&str; 12] = [
    "hunter2",
    "swordfish",
    "Zk3Rq8Lm9Xw4",
    "kq8Zr2Lm9Xw4Tb7Yc1Vd",
    "3xFfGF0",
    "eyJhbGci",
    "bXRlc3Nl",
    "aHVudGVy",
    "c3dvcmRm",
    "opensesame",
    "%3A",
    "access_token",
];

fn classifier() -> Classifier {
    let calendar = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    Classifier::new(
        Rules::builtin().expect("valid rules"),
        ClientCatalogue::builtin().expect("a valid catalogue"),
        NamedNetworks::default(),
        Campaign::parse(calendar).expect("a valid campaign"),
    )
}

fn folded(lines: &str, fresh: Option<&[bool]>) -> Batch {
    let now = 1_785_000_000_000;
    fold("log/egress", parse_lines(lines.as_bytes(), &Fields::default(), Defaults::default(), now), fresh, &classifier())
}

#[test]
fn repeated_use_is_one_track_and_one_count_a_day_and_verdict() {
    let line = |time: &str, user: &str, status: u16| {
        format!(
            r#"{{"time":"{time}","username":"{user}","scheme":"basic","user_agent":"git/2.45.1","host":"bitbucket.org",
            "path":"/acme/pay.git/info/refs","status":{status},"uses":2}}"#
        )
        .replace('\n', " ")
    };
    let lines = [
        line("2026-06-01T10:00:00Z", "mtessel", 200),
        line("2026-06-01T08:00:00Z", "mtessel", 200),
        line("2026-06-01T09:00:00Z", "mtessel", 401),
        line("2026-06-02T00:00:00Z", "mtessel", 200),
        line("2026-06-01T10:00:00Z", "arno", 200),
    ];
    let batch = folded(&lines.join("\n"), None);
    assert_eq!((batch.tracks.len(), batch.counts.len(), batch.items), (2, 4, 5));
    let first = batch.counts[0];
    assert_eq!((first.track, first.day.to_string(), first.uses), (0, "2026-06-01".to_owned(), 4));
    assert_eq!((first.first_ms, first.last_ms), (1_780_300_800_000, 1_780_308_000_000));
    assert_eq!(batch.counts[1].verdict.outcome, Outcome::Rejected);
    let track = &batch.tracks[0];
    assert_eq!((track.username.as_deref(), track.client.as_deref()), (Some("mtessel"), Some("git-cli")));
    assert_eq!((track.workspace.as_deref(), track.repository.as_deref()), (Some("acme"), Some("pay")));
    assert_eq!((&track.origin, batch.rules[usize::from(first.verdict.rule)].as_str()), (&Origin::Unknown, "basic-nickname-git"));
    let kept = chunk::decode(&batch.chunk.expect("a chunk").bytes).expect("our own chunk");
    assert_eq!(kept.iter().map(|(_, track)| *track).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
}

/// A line of a log, each of whose fields may be missing.
fn some_line(rng: &mut fastrand::Rng) -> Value {
    let mut line = json!({"time": 1_780_300_800 + rng.i64(0..3 * 86_400), "uses": rng.u32(1..4)});
    let values: &[(&str, &[Value])] = &[
        ("username", &[json!("mtessel"), json!("Ada"), json!("Mira@Example.test"), json!("x-token-auth")]),
        ("scheme", &[json!("basic"), json!("bearer")]),
        ("secret_prefix", &[json!("ATBB"), json!("ATAT")]),
        ("secret_id", &[json!("s1"), json!("s2")]),
        ("user_agent", &[json!("git/2.45.1"), json!("git/2.39.0"), json!("curl/8.5.0"), json!("odd-tool/3 (x)")]),
        ("client_ip", &[json!("10.20.0.7"), json!("10.20.0.9"), json!("198.51.100.9"), json!("2001:db8::1")]),
        ("host", &[json!("bitbucket.org"), json!("api.bitbucket.org")]),
        ("method", &[json!("GET"), json!("POST")]),
        (
            "path",
            &[json!("/acme/pay.git/info/refs"), json!("/acme/Pay.git/git-receive-pack"), json!("/2.0/repositories/acme/web")],
        ),
        ("status", &[json!(200), json!(302), json!(401), json!(410), json!(503)]),
        ("message", &[json!("remote: CHANGE-3222 - Functionality has been deprecated"), json!("a \"quoted\" \u{e9}")]),
    ];
    for (field, values) in values {
        if rng.u8(..4) > 0 {
            line[field] = rng.choice(*values).expect("there are some").clone();
        }
    }
    line
}

/// What a line says, without a thought of how often it is asked.
fn plainly(line: &Value) -> Sighting<'static> {
    let text = |field: &str| line[field].as_str().map(|text| Cow::<str>::Owned(text.to_owned()));
    let number = |field: &str| line[field].as_i64().expect("a number");
    Sighting {
        time_ms: number("time") * 1_000,
        uses: u32::try_from(number("uses")).expect("a few"),
        username: text("username").map(|name| if name.contains('@') { Cow::Owned(name.to_lowercase()) } else { name }),
        scheme: text("scheme"),
        secret_prefix: text("secret_prefix"),
        secret_id: text("secret_id"),
        user_agent: text("user_agent"),
        client_ip: line["client_ip"].as_str().map(|address| address.parse().expect("an address")),
        host: text("host"),
        method: text("method"),
        path: text("path"),
        status: line["status"].as_u64().map(|status| u16::try_from(status).expect("a status")),
        message: text("message"),
        authentication: true,
        ..Sighting::default()
    }
}

/// The way that millions of lines take, against the obvious one: a tree of each line, an owned copy of each name, and one map.
#[test]
fn what_is_folded_is_what_a_plain_reading_adds_up_to() {
    let mut rng = fastrand::Rng::with_seed(11);
    for _ in 0..40 {
        let lines: Vec<Value> = (0..rng.usize(1..300)).map(|_| some_line(&mut rng)).collect();
        let batch = folded(&lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"), None);
        let (classifier, mut plain) = (classifier(), HashMap::<(Track, Day, Verdict), (u64, i64, i64, u32)>::new());
        for sighting in lines.iter().map(plainly) {
            let verdict = classifier.classify(&sighting).verdict;
            if verdict.authentication {
                let (at, day) = (sighting.time_ms, Day::of_ms(sighting.time_ms));
                let sum = plain.entry((track_of(&sighting, &classifier), day, verdict)).or_insert((0, at, at, 0));
                let hour = (at - day.start_ms()) / 3_600_000;
                *sum = (sum.0 + u64::from(sighting.uses), sum.1.min(at), sum.2.max(at), sum.3 | 1 << hour);
            }
        }
        let of = |count: &DayCount| (batch.tracks[count.track as usize].clone(), count.day, count.verdict);
        let sums = |count: &DayCount| (count.uses, count.first_ms, count.last_ms, count.hours);
        let counted: HashMap<_, _> = batch.counts.iter().map(|count| (of(count), sums(count))).collect();
        assert_eq!((batch.counts.len(), counted), (plain.len(), plain));
        let kept = chunk::decode(&batch.chunk.as_ref().expect("a chunk").bytes).expect("our own chunk");
        let kept: Vec<_> = kept.into_iter().map(|(sighting, _)| sighting).collect();
        assert_eq!(kept, lines.iter().map(plainly).collect::<Vec<_>>());
    }
}

#[test]
fn what_signs_nobody_in_is_kept_and_not_counted() {
    let batch = folded(r#"{"time":1780300800,"host":"bitbucket.org","path":"/acme/pay.git/info/refs","status":401}"#, None);
    assert_eq!((batch.tracks.len(), batch.counts.len(), batch.items), (0, 0, 1));
    let kept = chunk::decode(&batch.chunk.expect("a chunk").bytes).expect("our own chunk");
    assert_eq!(kept[0].1, NO_TRACK);
}

#[test]
fn what_was_recorded_before_leaves_no_trace() {
    let lines = "{\"time\":1780300800,\"username\":\"a\"}\n{\"time\":1780300800,\"username\":\"b\"}";
    let batch = folded(lines, Some(&[false, true]));
    assert_eq!((batch.items, batch.tracks[0].username.as_deref()), (1, Some("b")));
    assert!(folded(lines, Some(&[false, false])).chunk.is_none());
}

#[test]
fn a_page_of_repeats_counts_nothing_again() {
    let lines = "no record\n{\"time\":1780300800,\"username\":\"a\",\"auth_type\":\"passkey\"}";
    let first = folded(lines, Some(&[true]));
    assert_eq!((first.skipped.len(), first.unknown.len()), (1, 1));
    let again = folded(lines, Some(&[false]));
    assert_eq!((again.skipped.len(), again.unknown.len()), (0, 0));
}

#[test]
fn what_was_passed_over_is_counted_once_by_its_id() {
    let folded = |fresh: [bool; 3]| {
        let sighting = Sighting { event_id: Some("a".into()), uses: 1, ..Sighting::default() };
        let skipped = |reason, count| Skipped { reason, count, sample: String::new() };
        let page = Page {
            sightings: vec![sighting],
            skipped: vec![skipped("malformed", 1), skipped(OTHER_PRODUCT, 3)],
            passed_over: vec![("b".into(), 0), ("c".into(), 0)],
            ..Page::default()
        };
        let batch = fold("audit/acme", page, Some(&fresh), &classifier());
        (batch.items, batch.skipped.iter().map(|s| (s.reason, s.count)).collect::<Vec<_>>())
    };
    assert_eq!(folded([true, true, true]), (1, vec![("malformed", 1), (OTHER_PRODUCT, 3)]));
    assert_eq!(folded([true, false, true]), (1, vec![("malformed", 1), (OTHER_PRODUCT, 2)]));
    assert_eq!(folded([false, false, true]), (0, vec![("malformed", 1), (OTHER_PRODUCT, 2)]));
    assert_eq!(folded([false, false, false]), (0, vec![]), "all of this page was counted before");
}

#[test]
fn values_that_nobody_explains_are_listed_up_to_a_limit() {
    let known = r#"{"time":1783058832,"username":"a","user_agent":"git/2.45.1","auth_type":"session"}"#;
    let new = r#"{"time":1783058832,"username":"a","user_agent":"AcmeBot/1.2 (build 7)","auth_type":"passkey"}"#;
    let unknown = |field, value: &str, count| UnknownValue { field, value: value.to_owned(), count };
    let batch = folded(&[known, new, new].join("\n"), None);
    assert_eq!(batch.unknown, [unknown("auth_type", "passkey", 2), unknown("user_agent", "AcmeBot", 2)]);
    let many: Vec<_> = (0..150).map(|n| format!(r#"{{"time":1783058832,"username":"a","user_agent":"bot-{n}/1"}}"#)).collect();
    let batch = folded(&many.join("\n"), None);
    assert_eq!(batch.unknown.len(), MAX_UNKNOWN + 1);
    assert!(batch.unknown.contains(&unknown("user_agent", MORE, 50)));
}

#[test]
fn no_secret_of_any_kind_survives_the_parser() {
    let batch = folded(LEAKY, None);
    let read = batch.items + batch.skipped.iter().map(|s| s.count).sum::<u64>();
    assert_eq!(read, LEAKY.lines().count() as u64);
    let kept = chunk::decode(&batch.chunk.as_ref().expect("a chunk").bytes).expect("our own chunk");
    let shown = format!("{batch:?} {kept:?}");
    for secret in SECRETS {
        assert!(LEAKY.contains(secret), "the fixture holds {secret}");
        let at = shown.find(secret).unwrap_or(0);
        assert!(!shown.contains(secret), "{secret}: {}", redact::cut(&shown[at.saturating_sub(80)..], 160));
    }
    assert!(kept.iter().any(|(s, _)| s.username.as_deref() == Some("mtessel") && s.secret_prefix.as_deref() == Some("ATBB")));
}

#[test]
fn what_was_kept_is_counted_anew_as_it_was_counted_first() {
    let now = 1_785_000_000_000;
    let page = parse_lines(LEAKY.as_bytes(), &Fields::default(), Defaults::default(), now);
    let kept = fold("log/egress", page, None, &classifier());
    let bytes = kept.chunk.as_ref().expect("a chunk").bytes.clone();
    let again = chunk::with_decoded(&bytes, |kept| recount(kept, &classifier())).expect("our own chunk");
    assert_eq!((again.tracks, again.counts.clone(), again.items), (kept.tracks, kept.counts, kept.items));
    let uses = |counts: &[DayCount]| counts.iter().map(|count| count.uses).sum::<u64>();
    assert_eq!(again.counted_before.iter().map(|(_, uses)| uses).sum::<u64>(), uses(&again.counts));
    assert!(again.places.iter().all(|place| place.ordinal == place.track) && uses(&again.counts) > 0);
}
