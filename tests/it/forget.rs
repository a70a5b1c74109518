//! `store forget`: no byte of the store and of no output names the person afterwards, and no count is lost.

use std::{collections::BTreeSet, fs};

use duskwatch::{
    evidence::journal::first_break,
    simulator::{ServeOptions, User},
    store::{Reader, Store},
};
use jiff::ToSpan as _;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use crate::support::{
    NOW, Site, at, files, integrations, picture,
    program::{Ran, Service, duskwatch, duskwatch_at, duskwatch_with, killed_after},
    small_world,
};

/// A store that knows somebody from every door, with a package and a mail that waits.
async fn known(seed: u64) -> (Site, User) {
    let site = Site::grown(&small_world(seed, at(NOW), 20), ServeOptions::default()).await;
    site.watch_jobs();
    let text = fs::read_to_string(site.config()).unwrap();
    let mail = "[email]\nserver = \"smtp+plain://127.0.0.1:1\"\nfrom = \"Duskwatch <duskwatch@example.test>\"\n\
                [[email.recipient]]\naddress = \"security@example.test\"\n";
    fs::write(site.config(), text + mail).unwrap();
    well(&duskwatch(&site, &["poll"]));
    let user = busiest(&site);
    let directory =
        format!("email,nickname,account_id,name,team\n{},,,{},payments\n", user.email.to_uppercase(), user.display_name);
    fs::write(site.path("people.csv"), directory).unwrap();
    let lines = [
        serde_json::json!({"time": "2026-07-02T10:00:00Z", "host": "bitbucket.org", "path": "/acme/x.git/info/refs", "status": 410,
            "message": format!("remote: CHANGE-3222 for https://{}@bitbucket.org", user.nickname), "job": format!("{}-nightly", user.nickname)}),
        serde_json::json!({"time": "2026-07-02T10:00:01Z", "host": "api.bitbucket.org", "scheme": "basic", "username": user.email,
            "path": format!("/2.0/users/{}", user.account_id), "status": 200, "token_label": format!("{} laptop", user.nickname)}),
    ];
    fs::write(site.path("hand.jsonl"), lines.map(|line| line.to_string() + "\n").concat()).unwrap();
    well(&duskwatch(&site, &["import", "--format", "directory", site.path("people.csv").to_str().unwrap()]));
    well(&duskwatch(&site, &["import", "--format", "json", site.path("hand.jsonl").to_str().unwrap()]));
    assert_eq!(duskwatch(&site, &["send"]).status, 75, "the mail waits");
    for name in ["people.csv", "hand.jsonl"] {
        fs::remove_file(site.path(name)).unwrap();
    }
    (site, user)
}

/// The person with the most integrations whose names nobody else has, and who always had them: what was presented under a name
/// that no list has told of is nobody's.
fn busiest(site: &Site) -> User {
    let report: Value = serde_json::from_str(&well(&duskwatch(site, &["report", "--format", "json"]))).unwrap();
    let truth = site.world.truth();
    let alone = |user: &&User| truth.users().iter().filter(|other| other.display_name == user.display_name).count() == 1;
    let uses = |user: &&User| integrations(&report).iter().filter(|row| row["user"] == user.account_id.as_str()).count();
    truth.users().iter().filter(|user| !user.service && user.formerly.is_none()).filter(alone).max_by_key(uses).unwrap().clone()
}

/// Every name, in any case, wherever it stands. Nicknames end in numbers: `kim12` does not name `kim1`.
fn sign(user: &User) -> Regex {
    let User { account_id, uuid, nickname, display_name, email, .. } = user;
    let names = [account_id, uuid, nickname, display_name, email].map(|name| regex::escape(name));
    RegexBuilder::new(&format!("(?:{})(?:[^0-9]|$)", names.join("|"))).case_insensitive(true).build().unwrap()
}

#[track_caller]
fn well(ran: &Ran) -> String {
    assert_eq!(ran.status, 0, "{ran:#?}");
    ran.out.clone()
}

/// Where the person is named: files beside the configuration and its inputs, what is kept compressed, and what is printed.
fn named_in(site: &Site, sign: &Regex) -> BTreeSet<String> {
    let inputs = [site.config(), site.path("organization.key"), site.path("workspace.key")];
    let written = files(site.dir.path()).into_iter().filter(|path| !path.starts_with(site.logs()) && !inputs.contains(path));
    let mut texts: Vec<(String, Vec<u8>)> = written.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    texts.push(("what is kept".to_owned(), format!("{:?}", picture::kept(&site.store())).into_bytes()));
    for arguments in [&["report", "--format", "json"][..], &["report", "--format", "html"], &["export"], &["status"]] {
        texts.push((arguments.join(" "), well(&duskwatch(site, arguments)).into_bytes()));
    }
    for path in files(&site.path("csv")) {
        texts.push((path.display().to_string(), fs::read(path).unwrap()));
    }
    texts.into_iter().filter(|(_, bytes)| sign.is_match(bytes)).map(|(name, _)| name).collect()
}

fn report(site: &Site) -> Value {
    serde_json::from_str(&well(&duskwatch(site, &["report", "--format", "json"]))).unwrap()
}

fn ids(report: &Value) -> BTreeSet<String> {
    integrations(report).iter().map(|row| row["integration"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_names_the_person_and_no_count_is_lost() {
    let (mut site, user) = known(51).await;
    let sign = sign(&user);
    let before = named_in(&site, &sign);
    let in_the_store = |name: &String| name.ends_with("duskwatch.db") || name.ends_with("duskwatch.db-wal");
    assert!(before.len() > 5 && before.contains("what is kept") && before.iter().any(in_the_store), "{before:?}");
    let (known, counts) = (report(&site), picture::Picture::of(&site.store()).await.counts);
    let told = well(&duskwatch(&site, &["store", "forget", &user.nickname.to_uppercase()]));
    assert!(told.starts_with("erased: what was counted of this person is erased-1's now\n"), "{told}");
    for words in ["1 row of a directory", "withdrawn: mail that waited for 1 recipient;", "csv/2026-07-03"] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    assert!(!sign.is_match(told.as_bytes()));
    assert_eq!(named_in(&site, &sign), BTreeSet::new());
    well(&duskwatch(&site, &["store", "verify"]));

    let anonymous = report(&site);
    assert_eq!(ids(&anonymous), ids(&known));
    for field in ["remaining", "known", "possible", "active", "failing", "migrating", "quiet", "users_remaining"] {
        assert_eq!(anonymous["campaigns"][0]["counts"][field], known["campaigns"][0]["counts"][field], "{field}");
    }
    let uses = |counts: &picture::Counts| counts.values().map(|(uses, ..)| uses).sum::<u64>();
    assert_eq!(uses(&picture::Picture::of(&site.store()).await.counts), uses(&counts));
    let theirs = |report: &Value, user: &str| -> BTreeSet<String> {
        let rows = integrations(report).iter().filter(|row| row["user"] == user);
        rows.map(|row| row["integration"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(theirs(&anonymous, "erased-1"), theirs(&known, &user.account_id));
    assert!(!theirs(&anonymous, "erased-1").is_empty());
    let judged = well(&duskwatch(&site, &["reclassify"]));
    assert!(judged.contains(": 0 are judged otherwise\n0 statuses changed"), "{judged}");

    let journal = Store::open_read_only(&site.store()).unwrap().read(Reader::journal).await.unwrap();
    assert_eq!(first_break(&journal), None);
    let entry = journal.iter().find(|entry| entry.action == "forget").unwrap();
    assert_eq!(entry.detail, "a person, by request; what was counted of them is erased-1's now");

    // Whoever is named again is somebody new.
    let later = at(NOW).checked_add(24.hours()).unwrap();
    site.grow(later);
    well(&duskwatch_at(&site, &later.to_string(), &["poll"]));
    let grown: Value =
        serde_json::from_str(&well(&duskwatch_at(&site, &later.to_string(), &["report", "--format", "json"]))).unwrap();
    let (old, new) = (theirs(&grown, "erased-1"), theirs(&grown, &user.account_id));
    assert!(old.is_disjoint(&new) && old == theirs(&anonymous, "erased-1"), "{old:?} {new:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_anywhere_leaves_a_sound_store_and_the_next_one_ends_it() {
    let (site, user) = known(51).await;
    let sign = sign(&user);
    let arguments = ["--now", NOW, "store", "forget", user.email.as_str()];
    let mut killed = 0;
    for (words, times) in [
        ("a step of an erasure is done", 1),
        ("a step of an erasure is done", 2),
        ("the file is written anew", 1),
        ("the copy is being written", 1),
    ] {
        killed += u32::from(killed_after(&site, &arguments, words, times));
        well(&duskwatch(&site, &["store", "verify"]));
    }
    assert!(killed >= 2, "no erasure took long enough to be killed in");
    let last = duskwatch(&site, &["store", "forget", &user.email]);
    assert!(last.status == 0 || last.err.contains("nobody goes by"), "{last:#?}");
    // Packages that a killed one had not come to are those of the same day, which the exports replace.
    assert_eq!(named_in(&site, &sign), BTreeSet::new());
    well(&duskwatch(&site, &["store", "verify"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_several_and_whoever_holds_names_in_memory_are_refused_in_words() {
    let (site, user) = known(52).await;
    let misspelt = format!("{}x", user.nickname);
    let ran = duskwatch(&site, &["store", "forget", &misspelt]);
    assert!(ran.status == 2 && ran.err.contains(&format!("did you mean `{}`?", user.nickname)), "{ran:#?}");
    let service = Service::serving(&site).0;
    let ran = duskwatch(&site, &["store", "forget", &user.nickname]);
    assert!(ran.status == 1 && ran.err.contains("the store is in use by process"), "{ran:#?}");
    assert!(service.terminate().0.success());
    let judging = Store::lock_judging(&site.store()).unwrap();
    let ran = duskwatch(&site, &["store", "forget", &user.nickname]);
    assert!(ran.status == 1 && ran.err.contains("the store is in use by another process"), "{ran:#?}");
    drop(judging);
    assert!(!named_in(&site, &sign(&user)).is_empty());
    let _erasing = Store::lock_erasing(&site.store()).unwrap();
    fs::write(site.path("hand.jsonl"), "{\"time\": \"2026-07-02T10:00:00Z\"}\n").unwrap();
    for arguments in [&["import", "--format", "json", site.path("hand.jsonl").to_str().unwrap()][..], &["reclassify"]] {
        let ran = duskwatch(&site, arguments);
        assert!(ran.status == 1 && ran.err.contains("the store is in use by process"), "{ran:#?}");
    }
}

/// A store into which lines of these people were imported: who, and by which path.
fn imported(lines: &[(&str, &str)]) -> (tempfile::TempDir, impl Fn(&[&str]) -> Ran + use<>) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let line = |(username, path): &(&str, &str)| {
        let line = serde_json::json!({"time": "2026-07-02T10:00:00Z", "host": "api.bitbucket.org", "scheme": "basic", "method": "GET",
            "secret_prefix": "ATBB", "username": username, "path": path, "status": 200, "user_agent": "Jenkins/2.4"});
        line.to_string() + "\n"
    };
    fs::write(path("hand.jsonl"), lines.iter().map(line).collect::<String>()).unwrap();
    let (config, inputs) = (path("duskwatch.toml"), path("hand.jsonl"));
    fs::write(&config, format!("[store]\npath = {:?}\n[csv]\ndirectory = {:?}\n", path("duskwatch.db"), path("csv"))).unwrap();
    let run = move |arguments: &[&str]| duskwatch_with(config.as_ref(), arguments);
    well(&run(&["import", "--format", "json", &inputs]));
    fs::remove_file(inputs).unwrap();
    (directory, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_name_is_a_place_or_software_as_well_is_erased_and_that_stays() {
    for (own, other) in [
        (("alice", "/2.0/repositories/acme/web"), ("bob", "/2.0/repositories/acme/alice")),
        (("alice", "/2.0/repositories/acme/web"), ("bob", "/2.0/repositories/alice/web")),
        (("alice", "/2.0/repositories/acme/alice"), ("bob", "/2.0/repositories/acme/web")),
        (("jenkins", "/2.0/repositories/acme/web"), ("bob", "/2.0/repositories/acme/web")),
    ] {
        let (_directory, run) = imported(&[own, other]);
        let told = well(&run(&["store", "forget", own.0]));
        assert!(told.contains("  kept: 1 name of a place or of software, spelt alike\n"), "{own:?} {other:?}: {told}");
        let again = run(&["store", "forget", own.0]);
        assert!(again.status == 2 && again.err.contains("nobody goes by"), "{own:?} {other:?}: {again:#?}");
        well(&run(&["store", "verify"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_documents_spell_out_is_erased_from_them_too() {
    for name in
        ["Mira \"Mi\" Tessel", "bob\u{200b}tessel", "mül\u{ad}ler", "\u{200f}שרה", "\"mira.t\"@example.test", "ACME\\mtessel"]
    {
        let (directory, run) = imported(&[(name, "/2.0/repositories/acme/web"), ("other", "/2.0/repositories/acme/web")]);
        well(&run(&["export"]));
        let told = well(&run(&["store", "forget", name]));
        assert!(told.contains("  removed: "), "{name}: {told}");
        let left = files(directory.path()).into_iter().filter(|path| path.ends_with("users.csv")).collect::<Vec<_>>();
        assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{name}");
    }
}
