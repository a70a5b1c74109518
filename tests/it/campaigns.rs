//! Campaigns by configuration alone: evidence goes in through the doors, and each campaign has its statuses, its rows and its
//! words in the reports.

use std::{fmt::Write as _, fs, path::PathBuf, sync::Arc};

use duskwatch::{
    config::{self, Secrets},
    daemon::{Engine, Judged, RegisterKind},
    report::Audience,
    simulator::ServeOptions,
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use crate::support::{NOW, Site, at, small_world};

const CONNECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/campaigns/connect-apps.toml");
/// Days of traffic before [`NOW`].
const DAYS: i64 = 20;

/// Logs of a proxy and of a gateway, and four campaigns.
struct Office {
    dir: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let office = Self { dir: tempfile::tempdir().unwrap() };
        let path = |name: &str| office.dir.path().join(name).display().to_string();
        let mut text = String::new();
        writeln!(text, "[[log]]\nname = \"squid\"\nformat = \"squid\"\npaths = [{:?}]", path("squid.log")).unwrap();
        writeln!(text, "[[log]]\nname = \"gateway\"\npaths = [{:?}]", path("gateway.jsonl")).unwrap();
        writeln!(text, "fields = {{ host = \"dst.host\", port = \"dst.port\" }}").unwrap();
        for file in ["builtin:bitbucket-ssh-host", "builtin:bitbucket-app-passwords", CONNECT, "builtin:api-token-expiry"] {
            writeln!(text, "[[campaign]]\nfile = {file:?}").unwrap();
        }
        for (name, network) in [("build-farm", "10.20.0.0/16"), ("office", "10.30.0.0/16")] {
            writeln!(text, "[[origin]]\nname = {name:?}\nnetworks = [{network:?}]").unwrap();
        }
        writeln!(text, "[[owner]]\nname = \"platform\"\nlead_time = \"140d\"\nmatch = {{ origin = \"build-farm\" }}").unwrap();
        writeln!(text, "[store]\npath = {:?}\n[csv]\ndirectory = {:?}", path("duskwatch.db"), path("csv")).unwrap();
        fs::write(office.dir.path().join("duskwatch.toml"), text).unwrap();
        office
    }

    fn engine(&self) -> Arc<Engine> {
        let options = config::load(&self.dir.path().join("duskwatch.toml"), Secrets::Needed).unwrap();
        Arc::new(Engine::open(options).unwrap())
    }

    fn write(&self, name: &str, lines: &[String]) {
        fs::write(self.dir.path().join(name), lines.concat()).unwrap();
    }

    async fn judged(&self) -> Judged {
        let engine = self.engine();
        let outcome = engine.poll(&[], None, at(NOW)).await.unwrap();
        assert_eq!(outcome.failed, Vec::<String>::new(), "{:?}", outcome.lines);
        engine.judge(at(NOW)).await.unwrap()
    }
}

/// The same hour of each of some days before now, the oldest first.
fn days(from: i64, to: i64) -> impl Iterator<Item = Timestamp> {
    (to..=from).rev().map(|days| at("2026-07-03T05:30:00Z").checked_sub((days * 24).hours()).unwrap())
}

fn tunnel(time: Timestamp, client: &str, target: &str) -> String {
    format!("{}.120  60087 {client} TCP_TUNNEL/200 5120 CONNECT {target} - HIER_DIRECT/104.192.142.17 -\n", time.as_second())
}

/// A gateway's line about SSH.
fn session(time: Timestamp, client: &str, host: &str, port: u16) -> String {
    format!(
        "{{\"time\":\"{time}\",\"client_ip\":\"{client}\",\"job\":\"deploy\",\"dst\":{{\"host\":\"{host}\",\"port\":{port}}},\
         \"path\":\"git-upload-pack 'acme/web.git'\",\"status\":200}}\n"
    )
}

/// A gateway's line about a call of the REST API.
fn call(time: Timestamp, user: &str, auth_type: &str, status: u16) -> String {
    format!(
        "{{\"time\":\"{time}\",\"client_ip\":\"10.30.0.9\",\"username\":\"{user}\",\"auth_type\":\"{auth_type}\",\
         \"user_agent\":\"curl/8.5.0\",\"dst\":{{\"host\":\"api.bitbucket.org\",\"port\":443}},\"method\":\"GET\",\
         \"path\":\"/2.0/repositories/acme/web\",\"status\":{status}}}\n"
    )
}

fn evidence(office: &Office) {
    let mut squid: Vec<String> = days(DAYS, 0).map(|time| tunnel(time, "10.20.0.7", "bitbucket.org:22")).collect();
    squid.extend(days(DAYS, 8).map(|time| tunnel(time, "10.30.0.4", "bitbucket.org:22")));
    squid.extend(days(7, 0).map(|time| tunnel(time, "10.30.0.4", "ssh.bitbucket.org:22")));
    // Another way that is not the old host, and one that is no SSH.
    squid.extend(days(DAYS, 0).map(|time| tunnel(time, "192.0.2.9", "altssh.bitbucket.org:443")));
    squid.extend(days(DAYS, 0).map(|time| tunnel(time, "192.0.2.9", "bitbucket.org:443")));
    office.write("squid.log", &squid);
    let mut gateway: Vec<String> = days(DAYS, 0).map(|time| session(time, "198.51.100.7", "bitbucket.org", 22)).collect();
    gateway.extend(days(5, 0).map(|time| session(time, "198.51.100.7", "ssh.bitbucket.org", 22)));
    gateway.extend(days(DAYS, 0).map(|time| call(time, "wallboard", "connect-token", 200)));
    gateway.push(call(at("2026-07-02T09:30:00Z"), "wallboard", "connect-token", 401));
    gateway.extend(days(DAYS, 10).map(|time| call(time, "metrics", "connect-token", 200)));
    gateway.extend(days(9, 0).map(|time| call(time, "metrics", "auth-token-for-2LO", 200)));
    gateway.extend(days(DAYS, 0).map(|time| call(time, "importer", "api-token", 200)));
    office.write("gateway.jsonl", &gateway);
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Campaign, user, origin and status of every row of the CSV file, by its header.
fn rows(file: PathBuf) -> Vec<[String; 4]> {
    let mut table = csv::Reader::from_path(file).unwrap();
    let header = table.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let columns = ["campaign", "user", "origin", "status"].map(place);
    table.records().map(|row| row.unwrap()).map(|row| columns.map(|column| row[column].to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_campaign_and_the_compiled_in_ones_have_their_rows_and_their_words() {
    let office = Office::new();
    evidence(&office);
    let judged = office.judged().await;
    let report: Value = serde_json::from_str(&judged.json()).unwrap();
    let counts = |campaign: usize| {
        let found = &report["campaigns"][campaign];
        let count = |name: &str| found["counts"][name].as_u64().unwrap();
        (found["id"].as_str().unwrap().to_owned(), count("remaining"), count("known"), count("migrated"), count("overdue"))
    };
    assert_eq!(
        [0, 1, 2].map(counts),
        [
            ("bitbucket-app-passwords".to_owned(), 0, 0, 0, 0),
            ("bitbucket-ssh-host".to_owned(), 2, 2, 1, 1),
            ("connect-apps".to_owned(), 1, 1, 1, 0),
        ]
    );
    let package = judged.write_package(&office.dir.path().join("csv"), 90).unwrap();
    let row = |row: [&str; 4]| row.map(str::to_owned);
    let mut found = rows(package.join("integrations.csv"));
    found.sort_unstable();
    assert_eq!(
        found,
        [
            row(["bitbucket-ssh-host", "", "build-farm", "active"]),
            row(["bitbucket-ssh-host", "", "deploy", "migrating"]),
            row(["bitbucket-ssh-host", "", "office", "migrated"]),
            row(["connect-apps", "name:metrics", "office", "migrated"]),
            row(["connect-apps", "name:wallboard", "office", "active"]),
        ]
    );
    let digest = judged.letter(&Audience::Security);
    assert_eq!(digest.subject, "[duskwatch] 0 integrations still on app passwords, 0 failing, 25 days left");
    let text = words(&digest.text);
    for said in [
        "BITBUCKET CLOUD SSH AT BITBUCKET.ORG 2 integrations still use SSH at bitbucket.org (2 known, 0 possible), 0 of them failing \
         now. 132 days left until the removal on 12 Nov 2026 00:00 UTC.",
        "owner: platform; 21 uses in 30 days; start by 25 Jun 2026 (passed)",
        "To do: Change every remote, submodule and insteadOf",
        "BITBUCKET CONNECT APPS 1 integration still runs as one of the Connect apps (1 known, 0 possible)",
        "wallboard, curl scripts and manual calls from office",
        "To do: Install the Forge app that replaces it",
        "TOKENS THAT EXPIRE Unknown: no inventory of tokens and no register has been read.",
    ] {
        assert!(text.contains(&words(said)), "{said}\n{}", digest.text);
    }
    let wallboard = report["campaigns"][2]["integrations"].as_array().unwrap().iter().find(|row| row["user"] == "name:wallboard");
    assert_eq!(wallboard.unwrap()["window_only"], true, "refused inside the campaign's own brownout only: {wallboard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_recorded_for_each_campaign() {
    let office = Office::new();
    evidence(&office);
    drop(office.judged().await);
    let mut more: Vec<String> = days(DAYS, 0).map(|time| call(time, "importer", "connect-token", 200)).collect();
    let text = fs::read_to_string(office.dir.path().join("gateway.jsonl")).unwrap();
    more.insert(0, text);
    office.write("gateway.jsonl", &more);
    let report: Value = serde_json::from_str(&office.judged().await.json()).unwrap();
    let changes: Vec<_> =
        report["changes"].as_array().unwrap().iter().map(|change| change["campaign"].as_str().unwrap()).collect();
    let of = |campaign: &str| changes.iter().filter(|id| **id == campaign).count();
    assert_eq!((of("bitbucket-ssh-host"), of("connect-apps"), of("bitbucket-app-passwords")), (3, 3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_inventory_and_of_a_register_are_due_by_their_owners_lead_time() {
    let site = Site::grown(&small_world(3, at(NOW), 40), ServeOptions::default()).await;
    let text = fs::read_to_string(site.config()).unwrap();
    let campaigns =
        "[[campaign]]\nfile = \"builtin:bitbucket-app-passwords\"\n[[campaign]]\nfile = \"builtin:api-token-expiry\"\n";
    let slow = "[[owner]]\nname = \"slow\"\nlead_time = \"90d\"\nmatch = { user = \"nobody\" }\n";
    fs::write(site.config(), format!("{text}{campaigns}{slow}")).unwrap();
    let register = site.path("credentials.csv");
    let rows = "kind,label,owner,location,expires_at\naccess_token,mirror,slow,vault,2026-09-20\naccess_token,badge,,vault,2026-09-20\n\
        oauth,old,slow,,2026-06-20\n";
    fs::write(&register, rows).unwrap();
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    engine.import_register(RegisterKind::Credentials, &register, at(NOW)).await.unwrap();
    let report = site.report(&engine, at(NOW)).await;
    let expiry = &report["expiries"][0];
    let tokens = expiry["tokens"].as_array().unwrap();
    let named = |name: &str| tokens.iter().find(|token| token["token"] == name);
    let mirror = named("vault: mirror").unwrap();
    assert_eq!((mirror["overdue"].as_bool(), mirror["days_left"].as_i64()), (Some(true), Some(79)), "{mirror}");
    assert_eq!(mirror["latest_safe_start"], "2026-06-22T00:00:00Z");
    assert!(named("vault: badge").is_none(), "79 days are enough for whoever needs 14");
    assert_eq!(tokens[0]["token"], "old", "what has expired comes first");
    let inventory: Vec<&Value> = tokens.iter().filter(|token| token["listed_by"] == "tokens/acme").collect();
    assert!(inventory.iter().any(|token| !token["user_email"].as_str().unwrap().is_empty()), "{inventory:?}");
    let listed = report["tokens"].as_array().unwrap();
    assert!(listed.iter().any(|token| !token["integrations"].as_array().unwrap().is_empty()), "none is linked to what uses it");
    let digest = engine.judge(at(NOW)).await.unwrap().letter(&Audience::Security);
    let text = words(&digest.text);
    assert!(
        text.contains("mirror (import/register): 79 days left; owner: slow; start by 22 Jun 2026 (passed)"),
        "{}",
        digest.text
    );
}
