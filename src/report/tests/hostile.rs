//! Names that strangers chose are inert in every document.

use std::sync::LazyLock;

use fastrand::Rng;
use jiff::tz::TimeZone;
use regex::Regex;

use super::fixture::{World, acme, authentications, file};
use crate::{
    analysis::{
        Guess, IntegrationKey,
        explain::{
            Evidence, ExplainedIntegration, ExplainedUser, ExplainedVerdict, Explanation, Lifted, More, RuleWords, SeenVersion,
            Unknown,
        },
    },
    evidence::{
        Campaign, ClientCatalogue, Credential, Grade, Member, Origin, Outcome, Person, Sighting, Steps, Track, Verdict, campaign,
    },
    report::{
        Alarm, AlarmKind, AlarmNews, FailingPart, Figure, FigureKind, Report, alarm, calendar, csv, event, explain, html, inert,
        json, letter, notice, prometheus,
        ranking::Query,
        status::{self, DeliveryRow, Facts, GivenUpRow, OutboxRow, StoreRow, WaitingRow},
        text,
    },
};

const MARKUP: &str = "<script>alert(1)</script><img src=x onerror=y>\" onmouseover='z'";
const HEADER: &str = "a\r\nBcc: everyone@example.test\r\n\r\nbody";
const ESCAPES: &str = "\u{1b}]0;title\u{7}\u{1b}[31mred\u{9b}1m\u{0}";

/// Names, one after the other, for each place where a stranger may choose one.
type Names<'n> = dyn FnMut() -> String + 'n;

/// A name wherever a stranger may choose one.
fn named(name: &mut Names<'_>) -> World {
    let mut world = acme();
    let row = &mut world.campaign().integrations[0];
    row.user.id = name();
    row.user.name = Some(name());
    row.user.email = Some(name());
    row.owner = Some(name());
    row.client_name = name();
    row.origin = name();
    row.workspaces = vec![name()];
    row.repositories = vec![name()];
    row.highest_permission = Some(name());
    row.advice = name();
    row.reasons = vec![name()];
    row.terms[0].words = name();
    world.campaign().integrations[1].user.id = name();
    world.findings.users[0].user.id = name();
    world.findings.tokens[0].label = name();
    world.findings.tokens[0].user.email = Some(name());
    let mut rows = authentications();
    (rows[0].user, rows[0].workspace) = (name(), name());
    world.findings.authentications = rows.into_iter().collect();
    world.changes[3].reason = name();
    world.fresh = 2;
    world.unknown[0].value = name();
    world.sources[0].skipped[0].sample = name();
    world.sources[1].last_failure = world.sources[1].last_failure.take().map(|(at, _)| (at, name()));
    world.policy.waivers[0].reason = name();
    world.failing = vec![FailingPart { part: name(), since: world.findings.now, reason: name() }];
    world
}

/// What stands behind the first row, with a name wherever a stranger may choose one: of the integration, or of its user.
fn behind(world: &World, name: &mut Names<'_>, of_user: bool) -> Explanation {
    let found = &world.findings;
    let (row, user) = (found.campaigns[0].integrations[0].clone(), &found.users[0]);
    let mut key = || IntegrationKey { id: row.id.clone(), user: name(), client: name(), origin: Origin::Job(name()) };
    let names = vec![key(), key()];
    let mut steps = |client: &str| world.clients.steps(client).map(|steps| steps.filled(Some(&name()), Some(&name())));
    let (steps, steps_if_guessed) = (steps(&names[0].client), steps("jenkins"));
    let integration = ExplainedIntegration {
        key: names[0].clone(),
        names,
        user: row.user.clone(),
        guess: Some(Guess { client: Some(name()), words: name(), reason: name() }),
        versions: vec![SeenVersion { version: name(), last_seen: row.last_seen, too_old: true }],
        steps,
        steps_if_guessed,
        verdicts: vec![ExplainedVerdict { campaign: found.campaigns[0].campaign.clone(), row, would_change: vec![name()] }],
    };
    let membership =
        Member { workspace: name(), person: Person::default(), permission: Some(name()), last_accessed: Some(found.now) };
    Explanation {
        now: found.now,
        user: of_user.then(|| ExplainedUser {
            person: user.user.clone(),
            finding: Some(user.clone()),
            tokens: found.tokens.clone(),
            memberships: vec![membership],
        }),
        integrations: vec![integration; 2],
        evidence: vec![piece(world, name, true), piece(world, name, false)],
        rules: vec![RuleWords { id: name(), reason: name() }],
        more: Some(More { uses: 7, oldest: found.today() }),
    }
}

/// A piece of evidence that is kept, or what is left of one.
fn piece(world: &World, name: &mut Names<'_>, kept: bool) -> Evidence {
    let row = &world.findings.campaigns[0].integrations[0];
    let mut text = || Some(name().into());
    let sighting = Sighting {
        user_agent: text(),
        scheme: text(),
        secret_prefix: text(),
        auth_type: text(),
        method: text(),
        path: text(),
        message: text(),
        action: text(),
        ..Sighting::at(row.last_seen)
    };
    Evidence {
        integration: row.id.clone(),
        source: name(),
        track: Track {
            username: Some(name()),
            client: Some(name()),
            origin: Origin::TokenLabel(name()),
            host: Some(name()),
            workspace: Some(name()),
            repository: Some(name()),
            token_label: Some(name()),
            ..Track::default()
        },
        sighting: kept.then_some(sighting),
        first: row.first_seen,
        last: row.last_seen,
        uses: 3,
        verdict: Verdict::of(Credential::AppPassword, Grade::Weak, Outcome::Rejected),
        rule: name(),
        lifted: Some(Lifted { credential: Credential::AppPassword, grade: Grade::Strong, rule: "lift" }),
        recorded_otherwise: true,
        open: true,
    }
}

/// Rows with what stands behind them, and a page that has only something to say: what may be said there, one after the other.
fn rows(world: &World, report: &Report, name: &mut Names<'_>) -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for (what, of_user) in [("integration", false), ("user", true)] {
        let behind = behind(world, name, of_user);
        let explained = explain::document(&behind, &world.clients, &TimeZone::UTC, Some(world.findings.today()));
        documents.extend([
            (format!("{what} html"), html::row(report, &explained, !of_user)),
            (format!("{what} text"), explain::text(&explained, 120, false)),
            (format!("{what} json"), json::text(&explained)),
        ]);
    }
    let mut words = Vec::new();
    for parameter in ["status", "grade", "sort", "reverse", "page", &name()] {
        words.push(Query::parse(&[(parameter.to_owned(), name())]).expect_err("it cannot be asked for"));
    }
    for (unknown, near) in [
        (Unknown::Nobody(Vec::new()), None),
        (Unknown::Nobody(Vec::new()), Some(name())),
        (Unknown::Several(vec![name(), name()]), None),
    ] {
        words.push(explain::unknown(&name(), &unknown, near.as_deref()));
    }
    documents.push(("message html".to_owned(), html::message(report, "Nothing is known under this name", &words.join(" "))));
    documents
}

/// The screen of `status`, with a name wherever others have words in what the service says of itself.
fn screen(report: &Report, name: &mut Names<'_>) -> [(String, String); 2] {
    let mut waiting = || WaitingRow { channel: "mail".to_owned(), recipient: name(), messages: 2, failure: name() };
    let waiting = vec![waiting(), waiting()];
    let (due, at) = (report.now, report.now);
    let given_up = vec![GivenUpRow { channel: "mail".to_owned(), recipient: name(), due, at, failure: name() }];
    let facts = Facts {
        store: StoreRow {
            path: name(),
            bytes: 1,
            bytes_a_day: None,
            free_bytes: None,
            days_left: None,
            words: "one byte".to_owned(),
        },
        service: format!("no answer: {}", name()),
        deliveries: vec![DeliveryRow { delivery: format!("mail/{}", name()), last: None }],
        outbox: OutboxRow { pending: 4, oldest: None, waiting, undeliverable: 1, given_up },
    };
    let status = status::build(report, facts);
    [("status text".to_owned(), status::text(&status, 120)), ("status json".to_owned(), json::text(&status))]
}

/// Every document that a person or a program reads, with the same name everywhere.
fn documents(name: &str) -> Vec<(String, String)> {
    with_names(&mut || name.to_owned())
}

/// The same with names one after the other.
fn with_names(name: &mut Names<'_>) -> Vec<(String, String)> {
    let world = &named(name);
    let report = world.report();
    let (digest, brief) = (letter::digest(&report), letter::brief(&report));
    let mut documents = vec![
        ("page".to_owned(), html::page(&report)),
        ("served html".to_owned(), html::served_page(&report, &Query::default())),
        ("team html".to_owned(), html::team(&report, &report.campaigns[0].integrations[0].owner).expect("it owns a row")),
        ("coverage html".to_owned(), html::coverage(&report)),
        ("forecasts".to_owned(), html::forecasts(&report)),
        ("summary".to_owned(), text::summary(&report, 200)),
        ("json".to_owned(), json::text(&report)),
        ("digest subject".to_owned(), digest.subject),
        ("digest text".to_owned(), digest.text),
        ("digest html".to_owned(), digest.html),
        ("brief text".to_owned(), brief.text),
        ("brief html".to_owned(), brief.html),
    ];
    let owner = world.findings.campaigns[0].integrations[0].owner.as_deref().expect("it has one");
    let notice = notice::of(&report, owner, &world.clients);
    let letter = letter::notice(&notice, "");
    documents.extend([
        ("notice subject".to_owned(), letter.subject),
        ("notice text".to_owned(), letter.text),
        ("notice html".to_owned(), letter.html),
        ("notice json".to_owned(), json::text(&notice)),
    ]);
    let told = AlarmNews {
        alarm: Alarm { kind: AlarmKind::SourceDown, about: owner.to_owned(), since: report.now, reason: owner.to_owned() },
        until: None,
    };
    let alarm = alarm::letter(std::slice::from_ref(&told), &TimeZone::UTC);
    documents.extend([
        ("alarm subject".to_owned(), alarm.subject),
        ("alarm text".to_owned(), alarm.text),
        ("alarm html".to_owned(), alarm.html),
    ]);
    let events = [event::changes(&report, |_| true), event::alarms(&[told], report.now)].concat();
    assert_eq!(events.len(), 3, "two changes and an alarm are told");
    documents.extend(events.into_iter().map(|event| ("event json".to_owned(), event.body)));
    documents.extend(csv::names().map(|name| (name.to_owned(), file(&report, name))));
    documents.extend(rows(world, &report, name));
    documents.extend(screen(&report, name));
    documents
}

#[test]
fn markup_stays_text() {
    for (name, document) in documents(MARKUP) {
        if name.contains("html") || name == "page" {
            assert!(!document.contains("<script>alert") && !document.contains("<img src=x"), "{name}");
            assert!(!document.contains("\" onmouseover"), "{name}");
            assert!(document.contains("&lt;script&gt;alert"), "{name}");
        }
    }
}

#[test]
fn nothing_reorders_or_hides_text() {
    let hides = |c: char| !c.is_control() && inert::hides_or_moves(c);
    // All of them, but of the tags and selectors at the end, which are thousands, some.
    let mut hidden: Vec<char> = (char::MIN..'\u{e0000}').filter(|c| hides(*c)).collect();
    hidden.extend(['\u{e0000}', '\u{e0041}', '\u{e0100}', '\u{e01ef}', '\u{e0fff}']);
    // As many as a name is long, once they are spelt out.
    for some in hidden.chunks(inert::MAX_NAME_CHARS / r"\u{e0fff}".len()) {
        for (name, document) in documents(&String::from_iter(some)) {
            assert_eq!(document.chars().find(|c| hides(*c)), None, "{name}");
        }
    }
}

#[test]
fn nothing_breaks_a_line_or_a_header() {
    for (name, document) in documents(HEADER) {
        assert!(!document.lines().any(|line| line.starts_with("Bcc:")), "{name}");
        assert!(!name.ends_with("subject") || !document.contains(['\r', '\n']), "{name}");
    }
}

#[test]
fn no_control_character_reaches_a_terminal() {
    for (name, document) in documents(ESCAPES) {
        let control = document.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r'));
        assert_eq!(control, None, "{name}");
    }
}

#[test]
fn a_megabyte_of_name_does_not_grow_the_documents() {
    for (name, document) in documents(&"A".repeat(1_000_000)) {
        assert!(document.len() < 120_000, "{name}: {}", document.len());
    }
}

#[test]
fn no_cell_is_a_formula() {
    let formulas = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        " =1",
        "\u{a0}=1",
        "\t=1",
        "\r=1",
        "\n=1",
        "\u{feff}=1",
        "\u{200b}=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠A1",
        "−1",
        "﹦1",
        "﹢1",
        "﹣1",
        "﹫A1",
        "%0A=1\u{3000}",
        "\u{3000}=1",
        "x;=1",
        "a;b;＝1; @SUM(1)",
    ];
    for formula in formulas {
        let report = named(&mut || formula.to_owned()).report();
        for name in csv::names().filter(|name| *name != "datapackage.json") {
            let text = file(&report, name);
            let mut reader = ::csv::ReaderBuilder::new().from_reader(text.as_bytes());
            for record in reader.records() {
                // Some programs take semicolons for what parts cells.
                for cell in record.expect("valid CSV").iter().flat_map(|cell| cell.split(';')) {
                    let runs =
                        cell.trim_start().starts_with(['=', '+', '@', '＝', '＋', '－', '＠', '−', '﹦', '﹢', '﹣', '﹫']);
                    let negative = cell.starts_with('-') && cell.parse::<f64>().is_err();
                    assert!(!runs && !negative, "{name}: {cell:?} from {formula:?}");
                }
            }
        }
    }
}

/// Pieces that mean something to some reader of a document.
const PIECES: [&str; 40] = [
    "<",
    ">",
    "</td>",
    "<script>",
    "<!--",
    "-->",
    "<![CDATA[",
    "&",
    "&lt;",
    "&#60;",
    "\"",
    "'",
    "`",
    "=",
    " onx=1 ",
    "javascript:",
    "\\",
    "\\n",
    "\\\"",
    "\r\n",
    "\n",
    "\n\n",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{9b}",
    "\u{7f}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    ",",
    ";",
    "|",
    "{{",
    "{%",
    "}",
    "%0d%0a",
    "=?utf-8?q?x?=",
    "BEGIN:VEVENT",
    "名 ",
];

/// A name of such pieces and ordinary letters.
fn drawn(rng: &mut Rng) -> String {
    let letter = |rng: &mut Rng| char::from_u32(rng.u32(..0x11_0000)).unwrap_or('x').to_string();
    let pieces = (0..rng.usize(1..12)).map(|_| match rng.u8(..4) {
        0 => "plain".to_owned(),
        1 => letter(rng),
        _ => PIECES[rng.usize(..PIECES.len())].to_owned(),
    });
    format!("a{}a", pieces.collect::<String>())
}

/// The tags of a document with the names of their attributes, which no text may change. A quotation mark or an angle bracket in
/// the wrong place shows as another tag or name.
fn tags(html: &str) -> Vec<String> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"<(/?[a-zA-Z!][^\s>]*)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*/?>"#).expect("a valid expression")
    });
    static VALUE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"="[^"]*""#).expect("a valid expression"));
    TAG.captures_iter(html).map(|found| format!("{} {}", &found[1], VALUE.replace_all(&found[2], ""))).collect()
}

/// What cannot be another for another name: the tags of HTML, the keys of JSON, the rows and cells of CSV.
fn form(name: &str, document: &str) -> Vec<String> {
    if csv::names().any(|table| table == name) && !name.ends_with("json") {
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(document.as_bytes());
        return reader.records().map(|record| record.expect("valid CSV").len().to_string()).collect();
    }
    if name.ends_with("json") {
        let value: serde_json::Value = serde_json::from_str(document).expect("valid JSON");
        return keys(&value);
    }
    if document.contains("<!doctype html>") { tags(document) } else { Vec::new() }
}

fn keys(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(map) => map.iter().flat_map(|(key, value)| [vec![key.clone()], keys(value)].concat()).collect(),
        serde_json::Value::Array(values) => values.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}

/// The same in any order: names decide the order of rows.
fn sorted_form(name: &str, document: &str) -> Vec<String> {
    let mut form = form(name, document);
    form.sort();
    form
}

/// So many times every document is made, each time with some hundred names of its own.
const DRAWS: u32 = 4;

#[test]
fn whatever_a_name_holds_no_document_changes_its_form() {
    let mut rng = Rng::with_seed(8);
    let mut number = 0;
    // No two are alike: those who share a name share a row.
    let mut numbered = |rest: &str| {
        number += 1;
        format!("a{number}{rest}")
    };
    let plain: Vec<_> =
        with_names(&mut || numbered("plaina")).iter().map(|(name, document)| sorted_form(name, document)).collect();
    assert!(plain.iter().filter(|form| form.len() > 20).count() > 8, "the forms are seen");
    for _ in 0..DRAWS {
        let mut names = Vec::new();
        let documents = with_names(&mut || {
            names.push(numbered(&drawn(&mut rng)));
            names[names.len() - 1].clone()
        });
        assert!(names.len() > 100, "{} names", names.len());
        for ((document, text), expected) in documents.iter().zip(&plain) {
            assert_eq!(&sorted_form(document, text), expected, "{document} of {names:?}");
            let odd = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r'));
            assert_eq!(odd, None, "{document} of {names:?}");
        }
    }
}

#[test]
fn no_label_of_a_metric_and_no_line_of_a_calendar_is_made_by_a_name() {
    let mut rng = Rng::with_seed(9);
    let line = Regex::new(r#"^[a-z_]+\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"\} 1$"#).expect("a valid expression");
    let property = Regex::new(r"^(?:[A-Z-]+[;:]| )").expect("a valid expression");
    for _ in 0..500 {
        let name = drawn(&mut rng);
        let figure = Figure {
            name: "duskwatch.x",
            unit: "{use}",
            description: "x",
            kind: FigureKind::Gauge,
            attributes: vec![("user", name.clone())],
            value: 1.0,
        };
        let text = prometheus::exposition(&[figure]);
        let lines: Vec<&str> = text.split('\n').collect();
        assert!(lines.len() == 4 && line.is_match(lines[2]), "{name:?}: {text}");
    }
    for _ in 0..30 {
        let name = drawn(&mut rng);
        let report = named(&mut || name.clone()).report();
        let text = calendar::document(&report.calendar);
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            assert!(property.is_match(line) && line.len() <= 75 && !line.contains(['\r', '\n', '\0']), "{name:?}: {line:?}");
        }
        assert_eq!(text.matches("\r\nBEGIN:VEVENT\r\n").count(), report.calendar.len(), "{name:?}");
    }
}

#[test]
fn what_we_wrote_ourselves_is_never_cut() {
    let clients = ClientCatalogue::builtin().expect("it is valid");
    let (mut names, mut sentences) = (Vec::new(), Vec::new());
    for client in clients.iter() {
        let Steps {
            client, client_name, usual_owner, replacement, needs, create, usernames, scopes, change, traps, proofs, ..
        } = clients.steps(&client.id).expect("it is in the catalogue");
        names.extend([client, client_name, usual_owner]);
        sentences.extend([replacement, needs, scopes]);
        sentences.extend(create.into_iter().chain(change).chain(traps));
        sentences.extend(usernames.into_iter().map(|name| name.username));
        sentences.extend(proofs.into_iter().map(|proof| proof.command));
    }
    for text in Campaign::builtin_names().filter_map(Campaign::builtin) {
        match campaign::read("builtin", text, None).expect("it is valid") {
            campaign::Kind::Use(campaign) => {
                names.push(campaign.name);
                sentences.extend(campaign.advice);
                sentences.extend(campaign.moved.into_iter().map(|moved| moved.reason));
            }
            campaign::Kind::Expiry(expiry) => names.push(expiry.name),
        }
    }
    assert!(names.len() > 200 && sentences.len() > 500, "{} and {}", names.len(), sentences.len());
    for text in names {
        assert_eq!(inert::name(&text), text);
    }
    for text in sentences {
        assert_eq!(inert::sentence(&text), text);
    }
}
