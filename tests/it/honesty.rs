//! What could not be looked at is said wherever somebody looks: in the digest, on the pages, by `/readyz` and in the metrics,
//! with its reason and since when.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use duskwatch::{
    daemon::{Engine, Judged},
    report::Audience,
    simulator::{Fault, FaultKind, ServeOptions, When},
};
use jiff::{Timestamp, ToSpan as _};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    mixtures::by_a_clock_that_jumps,
    support::{
        NOW, Site, at, days_before,
        lake::{Lake, Trouble},
        small_world,
    },
};

/// So much behind the name of a source is about that source.
const SAID_OF_ONE: usize = 900;

const EVERY: When = When::Every(1);

/// A source that cannot be read, and what every document says of the reason.
pub type Missing = (String, &'static str);

/// What is wrong at one time, and where.
struct Round {
    doors: [(&'static str, &'static str, &'static str, &'static str); 3],
    engine: (Trouble, &'static str),
}

/// Each source fails in each round, by another fault: how it is called and where it is, the source that it keeps from reading,
/// and what is said of it.
const ROUNDS: [Round; 3] = [
    Round {
        doors: [
            ("status=503", "events-stream", "audit/acme", "status 503"),
            ("token-invalid", "api-tokens", "tokens/acme", "organization.acme.api_key"),
            ("html", "permissions", "access/acme", "an HTML page instead of JSON"),
        ],
        engine: (Trouble::Exception, "row 25 of the answer is none that was asked for"),
    },
    Round {
        doors: [
            ("slow-headers=90", "events-stream", "audit/acme", "no answer in time"),
            ("scope-missing", "api-tokens", "tokens/acme", "grant the scope account"),
            ("too-many-requests", "permissions", "access/acme", "before the next request (429)"),
        ],
        engine: (Trouble::Stranger, "status 418, as no engine does"),
    },
    Round {
        doors: [
            ("not-an-administrator", "events-stream", "audit/acme", "(403): it lacks a scope or a role"),
            ("same-cursor", "api-tokens", "tokens/acme", "sends pages without end"),
            ("next-on-other-host", "permissions", "access/acme", "our credential is only sent to its own host"),
        ],
        engine: (Trouble::Cut, "the connection broke off"),
    },
];

/// The digest as it is mailed: its text and its HTML.
fn digest(engine: &Engine, judged: &Judged) -> [String; 2] {
    let mime = String::from_utf8(engine.compose(&Audience::Security, judged, judged.seen_at()).unwrap()).unwrap();
    ["text/plain", "text/html"].map(|kind| {
        let part = mime.split(&format!("Content-Type: {kind}")).nth(1).unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("quoted-printable"), "{head}");
        words(&unquoted(body.split("\r\n--").next().unwrap()))
    })
}

/// Of a text in quoted-printable.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Without line ends and markup.
fn words(text: &str) -> String {
    let mut inside = false;
    let plain = text.chars().map(|c| {
        inside = c == '<' || inside && c != '>';
        if inside || c == '>' { ' ' } else { c }
    });
    plain.collect::<String>().replace("&#x2f;", "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Up to when each source has been read, as documents write it.
async fn read_up_to(site: &Site, engine: &Arc<Engine>, now: Timestamp) -> BTreeMap<String, String> {
    let report = site.report(engine, now).await;
    let row = |row: &serde_json::Value| {
        let until = at(row["looked_until"].as_str().unwrap());
        assert!(now.duration_since(until).as_hours() < 12, "{row}");
        (row["source"].as_str().unwrap().to_owned(), until.strftime("%-d %b %Y %H:%M UTC").to_string())
    };
    report["coverage"]["sources"].as_array().unwrap().iter().map(row).collect()
}

/// What stands behind each place in a document that names a source.
pub fn said_of(document: &str, source: &str) -> Vec<String> {
    document.split(source).skip(1).map(|rest| rest.chars().take(SAID_OF_ONE).collect()).collect()
}

/// What one looks at: the digest in both forms, the pages, and what machines ask.
pub struct Looked {
    pub documents: Vec<(&'static str, String)>,
    /// The status of `/readyz`, and its words.
    pub status: u16,
    pub ready: String,
    pub metrics: String,
}

impl Looked {
    pub async fn at(engine: &Arc<Engine>, judged: &Judged) -> Self {
        let stop = CancellationToken::new();
        let address = engine.serve_once(judged, stop.clone()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str| {
            let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, ready) = get("/readyz").await;
        let [text, html] = digest(engine, judged);
        let documents = vec![
            ("the digest", text),
            ("the digest in HTML", html),
            ("the report", words(&judged.text(&Audience::Security, 120))),
            ("the report in HTML", words(&judged.html(&Audience::Security))),
            ("the page", words(&get("/").await.1)),
            ("/coverage", words(&get("/coverage").await.1)),
        ];
        let looked = Self { documents, status, ready, metrics: get("/metrics").await.1 };
        stop.cancel();
        looked
    }

    /// Each of these is said to be missing, why, and since when it was read last, `before`.
    fn assert_says(&self, missing: &[Missing], read: &BTreeMap<String, String>, before: Timestamp) {
        assert_eq!(self.status, 503, "{}", self.ready);
        for (source, why) in missing {
            for (name, document) in &self.documents {
                let (said, since) = (said_of(document, source), &read[source]);
                let both = said.iter().any(|said| said.contains(why) && said.contains(since));
                assert!(both, "{name} does not say of {source} that {why}, and {since}: {said:#?}");
            }
            let since = format!("{source}: not read since {before}: ");
            let ready = self.ready.lines().any(|line| line.starts_with(&since) && line.contains(why));
            assert!(ready, "{since} … {why} is not in {}", self.ready);
            let last = format!("duskwatch_source_last_success_time_seconds{{source=\"{source}\"}} {}\n", before.as_second());
            assert!(self.metrics.contains(&last), "{last} is not in {}", self.metrics);
            // Of a workspace whose other lists were read nothing is missed.
            let gap = self.metrics.split(&format!("duskwatch_source_gap_seconds{{source=\"{source}\"}} ")).nth(1).unwrap();
            let seconds: i64 = gap.lines().next().unwrap().parse().unwrap();
            assert!(seconds > 80_000 || source.starts_with("access/"), "{source}: a gap of {seconds} s");
        }
        let complete = self.documents.iter().find(|(_, document)| !document.contains("Could not look everywhere"));
        assert_eq!(complete.map(|(name, _)| name), None, "it looks as if everything had been read");
    }
}

/// Somebody who answers in TLS by a certificate that nobody vouches for.
async fn somebody_in_between() -> String {
    let pair = |end: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/deliver/tls/server").with_extension(end);
    let certificate = CertificateDer::from_pem_file(pair("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pair("key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever looks at the certificate hangs up.
            drop(acceptor.accept(stream).await);
        }
    });
    format!("https://{address}")
}

async fn site(lake: &Lake, now: Timestamp) -> Site {
    let site = Site::new(&small_world(93, now, 12), ServeOptions::default()).await;
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + &lake.section()).unwrap();
    site
}

#[test]
fn whoever_looks_learns_what_is_missing_why_and_since_when() {
    by_a_clock_that_jumps(async {
        let (now, lake) = (at(NOW), Lake::start().await);
        let mut site = site(&lake, now).await;
        let engine = site.engine();
        let mut before = days_before(now, 10);
        for (number, Round { doors, engine: (trouble, of_engine) }) in ROUNDS.into_iter().enumerate() {
            site.server.disturb(Vec::new(), 0);
            lake.fails(None);
            site.grow(before);
            site.poll(&engine, before).await;
            let read = read_up_to(&site, &engine, before).await;

            let during = before.checked_add(24.hours()).unwrap();
            site.grow(during);
            let always = |(kind, endpoint, ..): (&str, &'static str, &str, &str)| {
                Fault::new(FaultKind::parse(kind).unwrap(), EVERY).at(endpoint)
            };
            site.server.disturb(doors.map(always).to_vec(), 0);
            lake.fails(Some(trouble));
            let mut missing: Vec<Missing> = doors.map(|(_, _, source, why)| (source.to_owned(), why)).to_vec();
            missing.push(("query/lake".to_owned(), of_engine));
            if number == 0 {
                fs::rename(site.logs(), site.path("elsewhere")).unwrap();
                let logs = engine.source_names().into_iter().filter(|name| name.starts_with("log/"));
                missing.extend(logs.map(|name| (name, "no file matches")));
            }
            let outcome = engine.poll(&[], None, during).await.unwrap();
            if number == 0 {
                fs::rename(site.path("elsewhere"), site.logs()).unwrap();
            }
            assert!(missing.iter().all(|(source, _)| outcome.failed.contains(source)), "{:#?}", outcome.lines);
            let judged = engine.judge(during).await.unwrap();
            Looked::at(&engine, &judged).await.assert_says(&missing, &read, before);
            before = during.checked_add(24.hours()).unwrap();
            tokio::time::sleep(Duration::from_secs(10_000)).await;
        }
    });
}

#[test]
fn a_list_that_is_closed_to_us_while_the_others_are_read_is_told_with_its_reason_and_since_when() {
    by_a_clock_that_jumps(async {
        let (now, before, lake) = (at(NOW), days_before(at(NOW), 2), Lake::start().await);
        let mut site = site(&lake, now).await;
        site.grow(before);
        let engine = site.engine();
        site.poll(&engine, before).await;
        let read = read_up_to(&site, &engine, before).await;
        let closed = Fault::new(FaultKind::parse("forbidden").unwrap(), EVERY).at("permissions/repositories");
        site.server.disturb(vec![closed], 0);
        for later in [days_before(now, 1), now] {
            site.grow(later);
            site.poll(&engine, later).await;
        }
        let judged = engine.judge(now).await.unwrap();
        let looked = Looked::at(&engine, &judged).await;
        let (source, why) = ("access/acme", "permissions/repositories is forbidden to our credential: grant the scope account");
        let since = format!("a round without that ended at {}", read[source]);
        for (name, document) in &looked.documents {
            let said = said_of(document, source);
            assert!(said.iter().any(|said| said.contains(why) && said.contains(&since)), "{name}: {why}, {since}: {said:#?}");
        }
        // Every source is fresh, and still not all of it is seen.
        let mut lines = looked.ready.lines();
        assert_eq!((looked.status, lines.next()), (200, Some("Ready.")), "{}", looked.ready);
        let since = format!("{source}: read in part since {before}: ");
        assert!(lines.any(|line| line.starts_with(&since) && line.contains(why)), "{}", looked.ready);
        // Of the other workspace's rights our token has never seen any.
        assert!(looked.ready.contains("access/acme-platform: never read as a whole: "), "{}", looked.ready);
    });
}

#[test]
fn a_clock_that_differs_from_the_apis_is_told_until_it_is_right() {
    by_a_clock_that_jumps(async {
        let (now, lake) = (at(NOW), Lake::start().await);
        let mut site = site(&lake, now).await;
        site.grow(now);
        let engine = site.engine();
        let (wrong, why) = (now.checked_add(51.hours()).unwrap(), "clock of this machine is 2 d 3 h ahead of 127.0.0.1");
        for (clock, is_wrong) in [(now, false), (wrong, true), (now, false)] {
            site.poll(&engine, clock).await;
            let looked = Looked::at(&engine, &engine.judge(clock).await.unwrap()).await;
            for (name, document) in &looked.documents {
                for source in ["audit/acme", "tokens/acme", "access/acme"] {
                    let said = said_of(document, source).iter().any(|said| said.contains(why));
                    assert_eq!(said, is_wrong, "{name} of {source} by {clock}: {:#?}", said_of(document, source));
                }
            }
            // It keeps nobody from looking.
            let ready =
                looked.ready.lines().any(|line| line.starts_with("clock/127.0.0.1: failing since ") && line.contains(why));
            assert_eq!((looked.status, ready), (200, is_wrong), "{}", looked.ready);
            let failing = looked.metrics.lines().filter(|line| line.starts_with("duskwatch_failing_time_seconds{"));
            let since = format!("duskwatch_failing_time_seconds{{part=\"clock/127.0.0.1\"}} {}", wrong.as_second());
            assert_eq!(failing.collect::<Vec<_>>(), if is_wrong { vec![since.as_str()] } else { Vec::new() });
        }
    });
}

#[test]
fn a_log_that_unpacks_without_end_or_that_nobody_understands_any_more_is_told_with_its_reason_and_since_when() {
    by_a_clock_that_jumps(async {
        let (now, before, lake) = (at(NOW), days_before(at(NOW), 1), Lake::start().await);
        let mut site = site(&lake, now).await;
        let mut text = fs::read_to_string(site.config()).unwrap();
        for name in ["trap", "odd"] {
            let directory = site.path(name);
            fs::create_dir(&directory).unwrap();
            let line = format!("{{\"time\":\"{}\",\"job\":\"{name}\",\"host\":\"bitbucket.org\"}}\n", days_before(before, 1));
            fs::write(directory.join("sound.jsonl"), line).unwrap();
            text.extend([format!("[[log]]\nname = {name:?}\npaths = [\"{}/*.jsonl*\"]\n", directory.display())]);
        }
        fs::write(site.config(), text).unwrap();
        site.grow(before);
        let engine = site.engine();
        site.poll(&engine, before).await;
        let read = read_up_to(&site, &engine, before).await;

        site.grow(now);
        // A GiB of nothing in some kilobytes.
        let packed = zstd::encode_all(&*vec![0; 1 << 20], 1).unwrap();
        fs::write(site.path("trap/endless.jsonl.zst"), packed.repeat(1_024)).unwrap();
        fs::write(site.path("odd/strange.jsonl"), "this is no JSON\n".repeat(25)).unwrap();
        engine.poll(&[], None, now).await.unwrap();
        let missing = [("log/trap", "10000 times as long"), ("log/odd", "is understood as json: 25 are skipped (malformed)")];
        let missing = missing.map(|(source, why)| (source.to_owned(), why));
        let looked = Looked::at(&engine, &engine.judge(now).await.unwrap()).await;
        looked.assert_says(&missing, &read, before);
        let skipped = "duskwatch_source_skipped_total{source=\"log/odd\",reason=\"malformed\"} 25\n";
        assert!(looked.metrics.contains(skipped), "{}", looked.metrics);
    });
}

#[test]
fn whoever_answers_in_place_of_the_others_is_told_for_each_of_them() {
    by_a_clock_that_jumps(async {
        let (now, before, lake) = (at(NOW), days_before(at(NOW), 1), Lake::start().await);
        let mut site = site(&lake, now).await;
        site.grow(before);
        let engine = site.engine();
        site.poll(&engine, before).await;
        let read = read_up_to(&site, &engine, before).await;
        drop(engine);

        let stranger = somebody_in_between().await;
        let mut text = fs::read_to_string(site.config()).unwrap();
        for address in [site.server.bitbucket_url(), site.server.atlassian_url(), format!("http://{}", lake.address)] {
            assert!(text.contains(&address));
            text = text.replace(&address, &stranger);
        }
        fs::write(site.config(), text).unwrap();
        site.grow(now);
        let engine = site.engine();
        engine.poll(&[], None, now).await.unwrap();
        let why = "its certificate is signed by nobody who is trusted here";
        let missing = ["audit/acme", "tokens/acme", "access/acme", "query/lake"].map(|source| (source.to_owned(), why));
        let judged = engine.judge(now).await.unwrap();
        Looked::at(&engine, &judged).await.assert_says(&missing, &read, before);
    });
}

#[test]
fn time_in_which_the_service_was_down_is_told_until_it_is_made_up_for() {
    by_a_clock_that_jumps(async {
        let (now, before, lake) = (at(NOW), days_before(at(NOW), 2), Lake::start().await);
        let mut site = site(&lake, now).await;
        let engine = site.engine();
        // What was wrong before is not what is wrong now.
        site.server.disturb(vec![Fault::new(FaultKind::Status(503), EVERY)], 0);
        engine.poll(&[], None, days_before(now, 3)).await.unwrap();
        site.server.disturb(Vec::new(), 0);
        site.grow(before);
        site.poll(&engine, before).await;
        let read = read_up_to(&site, &engine, before).await;
        let sources = engine.source_names();
        drop(engine);

        site.grow(now);
        let engine = site.engine();
        let judged = engine.judge(now).await.unwrap();
        let why = "no round of it has ended since";
        let missing: Vec<Missing> = sources.iter().map(|source| (source.clone(), why)).collect();
        let looked = Looked::at(&engine, &judged).await;
        looked.assert_says(&missing, &read, before);
        assert!(!looked.ready.contains("503"), "{}", looked.ready);
        site.poll(&engine, now).await;
        let judged = engine.judge(now).await.unwrap();
        assert_eq!(engine.readiness(now).await.not_ready, [""; 0]);
        let [text, _] = digest(&engine, &judged);
        assert!(text.contains("Coverage: Every source was read without a gap since"), "{text}");
    });
}
