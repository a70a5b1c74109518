//! The output of jobs and the registers: what they show joins what the network shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use duskwatch::{
    analysis::{self, Findings, Inputs, Policy},
    config::{self, Secrets},
    daemon::{Engine, RegisterKind},
    evidence::{Campaign, ClientCatalogue, Credential, Day, Origin, Outcome, format::Format},
    simulator::{self, ServeOptions, Size, World},
    store::Store,
};
use jiff::Timestamp;

use crate::support::{NOW, Site, at, integrations};

const OUTPUT: &str = "log/ci-output";

async fn findings(site: &Site, now: Timestamp) -> Findings {
    let store = Store::open_read_only(&site.store()).unwrap();
    let read = store.read(move |r| Ok((r.history(Day::of(now))?, r.roster(now)?, r.ledger()?, r.known_integrations()?)));
    let (history, roster, ledger, known) = read.await.unwrap();
    let text = Campaign::builtin("builtin:bitbucket-app-passwords").unwrap();
    let (clients, campaigns) = (ClientCatalogue::builtin().unwrap(), [Campaign::parse(text).unwrap()]);
    let policy = Policy::default();
    let inputs = Inputs {
        now,
        history: &history,
        roster: &roster,
        ledger: &ledger,
        clients: &clients,
        campaigns: &campaigns,
        policy: &policy,
        known: &known,
        cores: 1,
        id_key: &[],
    };
    analysis::assess(&inputs)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jobs_print_joins_the_integration_that_ran_them() {
    let (mut joined, mut alone, mut wrong) = (0, 0, Vec::new());
    let mut credentials = BTreeSet::new();
    for seed in 1..=2 {
        let options = simulator::Options {
            history_days: 30,
            future_days: 1,
            intensity: 0.3,
            ..simulator::Options::new(Size::Default, at(NOW))
        };
        let world = Arc::new(World::generate(seed, &options));
        let site = Site::grown(&world, ServeOptions::default()).await;
        site.watch_jobs();
        let engine = site.engine();
        site.poll(&engine, at(NOW)).await;
        engine.judge(at(NOW)).await.unwrap();
        let truth = world.truth();
        let real: BTreeMap<(String, String, String), bool> = truth
            .integrations()
            .iter()
            .map(|it| {
                let key = (truth.users()[it.user].account_id.clone(), it.client.to_owned(), it.origin.text());
                let refused = |one: &duskwatch::simulator::Use| one.outcome == Outcome::Rejected;
                (key, it.job.is_some() && truth.legacy_uses(it, truth.days().0, truth.days().1).any(|one| refused(&one)))
            })
            .collect();
        let found = findings(&site, at(NOW)).await;
        credentials.extend(found.authentications.of(|_, _| true).iter().map(|one| (one.credential, one.outcome)));
        for row in found.campaigns.iter().flat_map(|campaign| &campaign.integrations) {
            if !row.sources.iter().any(|source| source == OUTPUT) {
                continue;
            }
            let key = (row.user.id.clone(), row.client.clone(), row.origin.clone());
            match (row.sources.len(), real.get(&key)) {
                (1, _) => alone += 1,
                (_, Some(true)) => joined += 1,
                (_, other) => wrong.push((seed, key, other.copied())),
            }
        }
    }
    println!("{joined} joined, {alone} alone, {} wrong: {wrong:#?}", wrong.len());
    assert!(credentials.contains(&(Credential::AppPassword, Outcome::Rejected)));
    assert!(joined >= 10, "too few to judge: {joined}");
    assert!(wrong.is_empty() && alone <= joined, "{joined} joined, {alone} alone, {wrong:#?}");
}

/// A site that watches one directory of transcripts and nothing else.
struct Jobs {
    dir: tempfile::TempDir,
}

impl Jobs {
    fn new() -> Self {
        let jobs = Self { dir: tempfile::tempdir().unwrap() };
        let (paths, store) = (jobs.dir.path().join("jobs/*/builds/*/log"), jobs.dir.path().join("store.db"));
        let log = format!("[[log]]\nname = \"ci\"\nformat = \"transcript\"\npaths = [{:?}]\n", paths.display().to_string());
        let text = format!("{log}[store]\npath = {:?}\n[csv]\ndirectory = \"\"\n", store.display().to_string());
        fs::write(jobs.dir.path().join("duskwatch.toml"), text).unwrap();
        jobs
    }

    fn engine(&self) -> Arc<Engine> {
        let options = config::load(&self.dir.path().join("duskwatch.toml"), Secrets::Needed).unwrap();
        Arc::new(Engine::open(options).unwrap())
    }

    /// Writes the output of one build, as of some seconds before now.
    fn write(&self, build: &str, text: &str, now: Timestamp, seconds_ago: u64) -> std::path::PathBuf {
        let dir = self.dir.path().join("jobs").join(build);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("log"), text).unwrap();
        let file = fs::OpenOptions::new().append(true).open(dir.join("log")).unwrap();
        file.set_modified(SystemTime::from(now) - Duration::from_secs(seconds_ago)).unwrap();
        dir.join("log")
    }

    /// How often an origin was seen.
    async fn seen(&self) -> BTreeMap<String, u64> {
        let store = Store::open_read_only(&self.dir.path().join("store.db")).unwrap();
        let history = store.read(|r| r.history(Day::of(at(NOW)))).await.unwrap();
        let mut seen = BTreeMap::new();
        for count in history.counts.iter() {
            let Origin::Job(job) = &history.tracks[count.track as usize].track.origin else { panic!("no job") };
            *seen.entry(job.clone()).or_default() += count.uses;
        }
        seen
    }
}

const COMMAND: &str = "Started by timer\n$ git fetch https://ada@bitbucket.org/acme/api.git\n";
const WORDS: &str = "remote: CHANGE-3222 - Functionality has been deprecated\n";
const END: &str = "fatal: unable to access 'https://bitbucket.org/acme/api.git/': The requested URL returned error: 410\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_still_being_printed_is_told_once() {
    let jobs = Jobs::new();
    let engine = jobs.engine();
    let now = at(NOW);
    let mut output = String::new();
    for (second, more) in ["", COMMAND, WORDS, END].into_iter().enumerate() {
        output.push_str(more);
        jobs.write("pay/builds/17", &output, now, 30 - second as u64);
        if second > 0 {
            engine.poll(&[], None, now).await.unwrap();
        }
        assert_eq!(jobs.seen().await, BTreeMap::new(), "it may go on: {output}");
    }
    let later = now.checked_add(jiff::Span::new().minutes(2)).unwrap();
    for _ in 0..2 {
        let outcome = engine.poll(&[], None, later).await.unwrap();
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(jobs.seen().await, BTreeMap::from([("pay".to_owned(), 1)]));
    }
    // A run that succeeds was looked at, too.
    jobs.write("pay/builds/18", "Finished: SUCCESS\n", later, 90);
    assert_eq!(engine.poll(&[], None, later).await.unwrap().failed, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn transcripts_by_hand_are_known_by_their_content() {
    let jobs = Jobs::new();
    let engine = jobs.engine();
    let now = at(NOW);
    let text = [COMMAND, WORDS, END].concat();
    let first = jobs.write("pay/builds/17", &text, now, 500);
    let import = async |path: &std::path::Path| engine.import(Format::Transcript, None, path, now, |_| {}).await.unwrap();
    let imported = import(&first).await;
    assert_eq!((imported.items, imported.repeated), (1, 0), "{imported}");
    assert_eq!(import(&first).await.items, 0, "the same content changes nothing");
    jobs.write("pay/builds/17", &(text.clone() + COMMAND + WORDS + END), now, 400);
    assert_eq!(import(&first).await.items, 1, "what was added is new");
    let second = jobs.write("pay/builds/18", &text.replace("timer", "user ada"), now, 300);
    assert_eq!(import(&second).await.items, 1, "another run fails alike");
    assert_eq!(jobs.seen().await, BTreeMap::from([("pay".to_owned(), 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_feed_the_tokens_and_the_teams() {
    let jobs = Jobs::new();
    let engine = jobs.engine();
    let now = at(NOW);
    let log = jobs.write("pay/builds/17", &[COMMAND, WORDS, END].concat(), now, 500);
    engine.import(Format::Transcript, None, &log, now, |_| {}).await.unwrap();
    let file = jobs.dir.path().join("credentials.csv");
    let import = async |kind, path: &std::path::Path| engine.import_register(kind, path, now).await.unwrap();
    let rows =
        "kind,label,owner,location,expires_at\naccess_token,mirror,payments,vault,2026-07-20\nconnect,old,,,2020-01-01\nx,,,,\n";
    fs::write(&file, rows).unwrap();
    let people = jobs.dir.path().join("people.csv");
    fs::write(&people, "email,nickname,account_id,name,team\nada@example.test,ada,acc-1,Ada,payments\n").unwrap();
    let imported = import(RegisterKind::Credentials, &file).await;
    assert_eq!((imported.items, imported.skipped[0].reason), (2, "no_label"));
    assert_eq!(import(RegisterKind::Credentials, &file).await.repeated, 3);
    let copy = jobs.dir.path().join("copy.csv");
    fs::copy(&file, &copy).unwrap();
    assert_eq!(
        import(RegisterKind::Credentials, &copy).await.repeated,
        3,
        "the same content under another name is no second register"
    );
    assert_eq!(import(RegisterKind::Directory, &people).await.items, 1);
    let report = |judged: &duskwatch::daemon::Judged| serde_json::from_str::<serde_json::Value>(&judged.json()).unwrap();
    let seen = report(&engine.judge(now).await.unwrap());
    let row = &integrations(&seen)[0];
    assert_eq!((row["user"].as_str(), row["owner"].as_str()), (Some("acc-1"), Some("payments")), "{row}");
    let tokens: Vec<_> =
        seen["tokens"].as_array().unwrap().iter().map(|t| (t["token"].as_str(), t["listed_by"].as_str())).collect();
    let listed = Some("import/register");
    assert_eq!(tokens, [(Some("old"), listed), (Some("vault: mirror"), listed)]);
    assert_eq!(seen["expiring"]["count"], 1);
    assert_eq!(seen["expiring"]["tokens"][0]["days_left"], 17);
    fs::write(&file, "kind,label\noauth,only\n").unwrap();
    import(RegisterKind::Credentials, &file).await;
    let seen = report(&engine.judge(now).await.unwrap());
    assert_eq!(seen["tokens"].as_array().unwrap().len(), 1, "the file replaces what it said before");
    assert!(engine.import_register(RegisterKind::Directory, &file, now).await.is_err(), "it has no people");
}
