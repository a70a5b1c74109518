//! No secret that anything read or was told is found in anything written.

mod doors;
mod generate;
mod logs;

use std::{collections::BTreeSet, fmt::Write as _, fs, process::Command};

use data_encoding::BASE64;
use duskwatch::{
    report::Audience,
    simulator::ServeOptions,
    store::{Reader, Store},
};
use fastrand::Rng;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::support::{
    NOW, Site, at, files, picture,
    program::{Service, hasten},
    receiver::Receiver,
    small_world,
};

const SENDER_TOKEN: &str = "q7ZkP0sender0token0Yw";
const HOOK_SECRET: &str = "whsec_cTdaa1AwaG9vazBzZWNyZXQwWXdxN1prUDBob29r";
const WRONG_TOKEN: &str = "q7ZkP0nobodys0token0Yw";

/// Every secret of the careless lines, as it stands there and decoded, and our own keys.
pub fn secrets(site: &Site) -> BTreeSet<String> {
    let keys = ServeOptions::default();
    let mut found = BTreeSet::from([keys.organization_key, keys.workspace_token]);
    for (_, line) in site.lines() {
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some((_, value)) = line["authorization"].as_str().and_then(|header| header.split_once(' ')) else { continue };
        found.insert(value.to_owned());
        let decoded = BASE64.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, secret)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            found.insert(secret.to_owned());
            found.insert(BASE64.encode(secret.as_bytes()));
        }
    }
    found
}

/// What the compressed chunks of a store hold, as text.
fn chunks(site: &Site) -> String {
    let items = picture::kept(&site.store());
    assert!(items.len() > 1_000, "{} items", items.len());
    items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join("\n")
}

/// Lines of one request to the intake, fewer than it takes.
const LINES_PUSHED: usize = 4_000;

/// Lets a sender in, and everything out that leaves by itself: figures, logs and traces to a collector, and events to a webhook.
async fn open_doors(site: &Site) -> Receiver {
    let receiver = Receiver::start().await;
    let [sender, hook] = [("sender.key", SENDER_TOKEN), ("hook.key", HOOK_SECRET)].map(|(name, secret)| {
        fs::write(site.path(name), secret).unwrap();
        site.path(name).display().to_string()
    });
    let url = &receiver.url;
    let sections = format!(
        "[[http.intake]]\nname = \"ci\"\ntoken = \"file:{sender}\"\n\
         [otel]\nendpoint = \"{url}\"\ninterval = \"1s\"\nlogs = true\ntraces = true\ntop = 100\n\
         [[webhook]]\nurl = \"{url}{HOOK}\"\nsecret = \"file:{hook}\"\n"
    );
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), config + &sections).unwrap();
    receiver
}

/// Where events go.
const HOOK: &str = "/hook";
/// Where what a collector is sent goes.
const EXPORTS: [&str; 3] = ["/v1/metrics", "/v1/logs", "/v1/traces"];

/// Sends careless lines, and some that are no evidence, through the door of the intake; what it answered, logged, measured and sent.
async fn push(site: &Site, receiver: &Receiver, careless: &[String], misplaced: &[String]) -> Vec<(String, Vec<u8>)> {
    let (mut service, url) = Service::serving_with(site, |command| {
        hasten(command, at(NOW), 1);
        command.env("RUST_LOG", "trace");
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = String::new();
    let good = careless.chunks(LINES_PUSHED).chain(misplaced.chunks(LINES_PUSHED)).map(|lines| (SENDER_TOKEN, lines));
    for (token, lines) in good.chain([(SENDER_TOKEN, &misplaced[..1]), (WRONG_TOKEN, &careless[..1])]) {
        let request = client.post(format!("{url}/v1/evidence")).bearer_auth(token).body(lines.join("\n"));
        let answer = request.send().await.unwrap();
        writeln!(answers, "{} {:?} {}", answer.status(), answer.headers().clone(), answer.text().await.unwrap()).unwrap();
    }
    assert!(answers.starts_with("200 OK") && answers.contains("400 Bad Request"), "{answers}");
    assert!(answers.contains("401 Unauthorized"), "{answers}");
    service.wait_for("round done", &["log/egress-inspected".to_owned()]);
    let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("duskwatch_store_size"), "{metrics}");
    let (_, log) = service.terminate();
    assert!(log.contains("evidence was pushed"), "{log}");
    let mut written = receiver.take();
    for path in EXPORTS {
        assert!(written.iter().any(|(to, _)| to == path), "nothing came to {path}: {log}");
    }
    written.extend(
        [("answers", answers), ("log", log), ("metrics", metrics)].map(|(name, text)| (name.to_owned(), text.into_bytes())),
    );
    written
}

/// Says how much was searched, and how much of it had left for other machines.
fn tell(written: &[(String, Vec<u8>)]) {
    let bytes = |wanted: &dyn Fn(&str) -> bool| -> usize {
        written.iter().filter(|(name, _)| wanted(name)).map(|(_, bytes)| bytes.len()).sum()
    };
    eprintln!(
        "{} bytes of {} outputs were searched: {} of metrics, {} for a collector, {} for a webhook",
        bytes(&|_| true),
        written.len(),
        bytes(&|name| name == "metrics"),
        bytes(&|name| EXPORTS.contains(&name)),
        bytes(&|name| name == HOOK),
    );
}

/// Lines that are no evidence and hold a secret all the same.
fn misplaced(secret: &str) -> [String; 3] {
    [format!("Authorization: Bearer {secret}"), format!("{{\"password\": {secret:?}}}"), format!("{{{secret:?}: 1")]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_store_or_any_output() {
    let world = small_world(9, at(NOW), 60);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let mut secrets = secrets(&site);
    assert!(secrets.len() > 12, "{secrets:?}");
    let careless: Vec<String> = site.lines().into_iter().map(|(_, line)| line).collect();
    let misplaced: Vec<String> = secrets.iter().flat_map(|secret| misplaced(secret)).collect();
    secrets.extend([SENDER_TOKEN, WRONG_TOKEN, HOOK_SECRET].map(str::to_owned));
    let receiver = open_doors(&site).await;
    // Programs are told what changes after a first judgement.
    let engine = site.engine();
    engine.poll(&["log/egress-inspected".to_owned()], None, at(NOW)).await.unwrap();
    engine.judge(at(NOW)).await.unwrap();
    drop(engine);
    let pushed = push(&site, &receiver, &careless, &misplaced).await;
    let engine = site.engine();
    let outcome = site.poll(&engine, at(NOW)).await;
    let judged = engine.judge(at(NOW)).await.unwrap();
    engine.send_events(at(NOW), at(NOW)).await.unwrap();
    let told = receiver.take();
    assert!(told.iter().any(|(to, _)| to == HOOK), "no event came");
    judged.write_package(&site.path("csv"), 30).unwrap();
    let mut written: Vec<(String, Vec<u8>)> = vec![
        ("lines".to_owned(), outcome.lines.join("\n").into_bytes()),
        ("page".to_owned(), judged.html(&Audience::Security).into_bytes()),
        ("brief".to_owned(), judged.html(&Audience::Leadership).into_bytes()),
        ("json".to_owned(), judged.json().into_bytes()),
        ("text".to_owned(), judged.text(&Audience::Security, 200).into_bytes()),
        ("options".to_owned(), format!("{:?}", site.options()).into_bytes()),
        ("chunks".to_owned(), chunks(&site).into_bytes()),
    ];
    written.extend(pushed.into_iter().chain(told));
    for audience in Audience::WHOLE {
        written.push((audience.to_string(), engine.compose(&audience, &judged, at(NOW)).unwrap()));
    }
    let own = ["organization.key", "workspace.key", "sender.key", "hook.key"].map(|name| site.path(name));
    for path in files(site.dir.path()).into_iter().filter(|path| !path.starts_with(site.logs()) && !own.contains(path)) {
        written.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    assert!(written.iter().any(|(name, _)| name.ends_with("duskwatch.db-wal")), "the store's log is looked at too");
    tell(&written);
    for (name, bytes) in &written {
        let text = String::from_utf8_lossy(bytes);
        let found: Vec<_> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{name} holds {found:?}");
    }
}

/// Draws of one secret of each of the seven kinds.
const DRAWS: usize = 100;
/// Bytes of a secret that are searched for at its beginning and its end: a part of it is a leak as well.
const NEEDLE: usize = 12;

/// The parts of a secret, plain and as it stands in a header of basic authentication, that must not be found.
fn needles(secret: &generate::Secret) -> [String; 3] {
    let core = &secret.core;
    let basic = BASE64.encode(format!("mtessel:{}", secret.text).as_bytes());
    let basic = basic.trim_end_matches('=');
    [core[..NEEDLE].to_owned(), core[core.len() - NEEDLE..].to_owned(), basic[basic.len() - NEEDLE..].to_owned()]
}

/// All that the program and its libraries say at their most talkative.
fn said(site: &Site, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
    command.arg("--config").arg(site.config()).args(["--now", NOW]).args(arguments).env("RUST_LOG", "trace");
    let mut output = block_in_place(|| command.output()).unwrap();
    output.stdout.append(&mut output.stderr);
    assert_ne!(output.stdout.len(), 0, "{arguments:?}");
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_any_kind_survives_any_door() {
    let mut rng = Rng::with_seed(3_222);
    let secrets: Vec<_> = (0..DRAWS).flat_map(|_| generate::of_every_kind(&mut rng)).collect();
    let (mut lines, mut texts) = (Vec::new(), Vec::new());
    for secret in &secrets {
        let mut places = generate::announced(&secret.text);
        if secret.telling {
            places.extend(generate::unannounced(&secret.text));
        }
        let header = rng.choice(generate::headers(&secret.text)).unwrap();
        let text = rng.choice(places).unwrap();
        lines.extend(doors::lines(&[header], std::slice::from_ref(&text)));
        texts.push(text);
    }
    let site = Site::new(&small_world(10, at(NOW), 2), ServeOptions::default()).await;
    let plain: Vec<&str> = secrets.iter().map(|secret| secret.text.as_str()).collect();
    let output = logs::transcript(&plain, &texts);
    let credentials = logs::register(
        ["kind", "label", "owner", "location", "expires_at"],
        ["access_token", "mirror #", "payments", "vault/ci", "2027-05-01"],
        &texts,
    );
    let directory = logs::register(
        ["email", "nickname", "account_id", "name", "team"],
        ["ada#@example.test", "ada#", "712020:ada#", "Ada", "payments"],
        &texts,
    );
    let json = lines.join("\n") + "\n";
    for (name, text) in [
        ("egress-inspected-2026-07.jsonl", &json),
        ("imported.txt", &json),
        ("gateway-2026-07.log", &logs::combined(&texts)),
        ("squid-2026-07.log", &logs::squid(&texts)),
        ("filter-2026-07.csv", &logs::filter(&texts)),
        ("transcripts/nightly.log", &output),
        ("credentials.csv", &credentials),
        ("directory.csv", &directory),
    ] {
        fs::write(site.logs().join(name), text).unwrap();
    }
    let origin = doors::serve(texts).await;
    let config = fs::read_to_string(site.config()).unwrap().replace(&site.server.atlassian_url(), &origin);
    fs::write(site.config(), config).unwrap();
    site.watch_jobs();
    let [imported, credentials, directory] =
        ["imported.txt", "credentials.csv", "directory.csv"].map(|name| site.logs().join(name).display().to_string());

    let misplaced: Vec<String> = plain.iter().flat_map(|secret| misplaced(secret)).collect();
    let receiver = open_doors(&site).await;
    let mut written = Vec::new();
    for arguments in [
        // Programs are told what changes after a first judgement.
        &["poll", "--source", "log/gateway"][..],
        &["poll"],
        &["import", "--format", "json", &imported],
        &["import", "--format", "register", &credentials],
        &["import", "--format", "directory", &directory],
        &["report", "--format", "text"],
        &["report", "--format", "html"],
        &["report", "--format", "json"],
        &["export"],
        &["send"],
    ] {
        written.push((arguments.join(" "), said(&site, arguments)));
    }
    let heard = |words: &str| written.iter().any(|(_, said)| said.windows(words.len()).any(|part| part == words.as_bytes()));
    assert!(heard("pooling idle connection"), "the libraries say what they do, too");
    let told = receiver.take();
    assert!(told.iter().filter(|(to, _)| to == HOOK).count() > 10, "{} events came", told.len());
    written.extend(told);
    written.extend(push(&site, &receiver, &lines[..LINES_PUSHED * 2], &misplaced).await);
    written.push(("chunks".to_owned(), chunks(&site).into_bytes()));
    for path in files(site.dir.path()).into_iter().filter(|path| !path.starts_with(site.logs())) {
        written.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    let items = picture::Picture::of(&site.store()).await.totals.items;
    for door in [
        "audit/acme",
        "log/egress-inspected",
        "log/gateway",
        "log/squid",
        "log/filter",
        "log/ci-output",
        "import/files",
        "import/register",
        "import/directory",
        "intake/ci",
    ] {
        assert!(items.iter().any(|(source, items)| source.starts_with(door) && *items > 100), "{door}: {items:?}");
    }
    let roster = Store::open_read_only(&site.store()).unwrap().read(|r: &Reader| r.roster(at(NOW))).await.unwrap();
    assert!(roster.tokens.len() > 100 && roster.members.len() > 100, "the lists were read");
    let needles: Vec<String> = secrets.iter().flat_map(needles).map(|needle| regex::escape(&needle)).collect();
    let sign = regex::bytes::Regex::new(&needles.join("|")).unwrap();
    tell(&written);
    let leaks: Vec<String> = written
        .iter()
        .flat_map(|(name, bytes)| {
            sign.find_iter(bytes).take(8).map(move |found| format!("{name}: {}", around(bytes, found.start())))
        })
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// Where a secret was found, with its neighbourhood.
fn around(bytes: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 40).min(bytes.len())]).into_owned()
}
