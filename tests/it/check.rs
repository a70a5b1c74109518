//! `check`: a simulated organisation with one thing wrong at a time, and what the command says of it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use duskwatch::{
    clock::Clock,
    simulator::{Fault, FaultKind, ServeOptions, When},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use crate::{
    support::{NOW, Site, at, files, picture::Picture, program::duskwatch, small_world},
    unlinked::without_bitbucket,
};

async fn site(faults: Vec<Fault>) -> Site {
    let site = Site::grown(&small_world(51, at(NOW), 5), ServeOptions { faults, ..ServeOptions::default() }).await;
    for key in ["organization.key", "workspace.key"] {
        fs::set_permissions(site.path(key), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // The machine's own clock counts, whatever --now says.
    site.server.set_now(Clock::System.now());
    site
}

fn always(fault: &str) -> Vec<Fault> {
    vec![Fault::parse(fault).unwrap()]
}

fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(site.config(), text.replace(from, to)).unwrap();
}

fn append(site: &Site, section: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + section).unwrap();
}

/// The exit status, and the lines that are not well: status, name, what was found, advice.
#[track_caller]
fn unwell(site: &Site, more: &[&str]) -> (i32, Vec<[String; 4]>) {
    let ran = duskwatch(site, &[&["check", "--format", "json"], more].concat());
    let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:#?}"));
    assert_eq!(said["exit"], ran.status, "{said:#}");
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = said["results"].as_array().unwrap().iter().filter(|line| line["status"] != "ok");
    let lines: Vec<_> = lines.map(|line| ["status", "name", "found", "advice"].map(|key| text(line, key))).collect();
    assert!(lines.iter().all(|line| !line[3].is_empty()), "every line says what to do: {lines:#?}");
    (ran.status, lines)
}

fn count(lines: &[[String; 4]], status: &str) -> usize {
    lines.iter().filter(|line| line[0] == status).count()
}

#[track_caller]
fn assert_line(lines: &[[String; 4]], status: &str, name: &str, words: &[&str]) {
    let found = lines.iter().any(|line| {
        line[0] == status && line[1] == name && words.iter().all(|word| line[2].contains(word) || line[3].contains(word))
    });
    assert!(found, "no line `{status}` of {name} says {words:?}: {lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_site_is_proven_by_a_few_requests_and_nothing_is_written() {
    let site = site(Vec::new()).await;
    let before = files(site.dir.path());
    let ran = duskwatch(&site, &["check"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{ran:#?}");
    for words in [
        "no fault",
        "has read:events:admin",
        "has read:tokens:admin",
        "lists open, scopes held: account, repository, repository:admin; an administrator's view",
        "is not there yet and can be made",
        "the clock of this machine ",
        "0 unreachable, 0 wrong",
    ] {
        assert!(ran.out.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words} is not in {}", ran.out);
    }
    assert_eq!(files(site.dir.path()), before);
    let requests: u64 = site.server.requests().values().sum();
    let workspaces = site.world.workspaces().count() as u64;
    assert_eq!(requests, 3 + 4 * workspaces, "{:?}", site.server.requests());

    // Beside a store that is in use.
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    let held = engine.lock().unwrap();
    let recorded = Picture::of(&site.store()).await;
    let (status, lines) = unwell(&site, &[]);
    assert_eq!(status, 0, "{lines:#?}");
    drop(held);
    let after = Picture::of(&site.store()).await;
    assert_eq!((recorded.totals, recorded.states), (after.totals, after.states));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_named_with_what_it_needs_and_never_shown() {
    let site = site(Vec::new()).await;
    fs::write(site.path("organization.key"), "revoked-last-week").unwrap();
    let (status, lines) = unwell(&site, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "audit/acme", &["401", "organization.acme.api_key", "read:events:admin"]);
    assert_line(&lines, "wrong", "tokens/acme", &["401", "organization.acme.api_key", "read:tokens:admin"]);
    assert!(!format!("{lines:?}").contains("revoked-last-week"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_is_forbidden_may_have_another_id_or_a_key_of_no_administrator() {
    let site = site(Vec::new()).await;
    let id = format!("id = {:?}", site.world.organization().id);
    edit(&site, &id, "id = \"11111111-2222-3333-4444-555555555555\"");
    let (status, lines) = unwell(&site, &[]);
    assert_eq!(status, 78);
    for source in ["audit/acme", "tokens/acme"] {
        let words = ["(403)", "organization.acme.id", "organization.acme.api_key", "an administrator of the organisation"];
        assert_line(&lines, "wrong", source, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_valid_key_the_missing_scope_is_told() {
    let site = site(always("key-invalid,at=api-tokens")).await;
    let (status, lines) = unwell(&site, &[]);
    assert_eq!((status, count(&lines, "wrong")), (78, 1), "{lines:#?}");
    assert_line(&lines, "wrong", "tokens/acme", &["the key is valid, and the scope read:tokens:admin is missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_credential_says_which_scope_or_role_it_lacks() {
    let scope = site(always("scope-missing,at=permissions")).await;
    let workspace = format!("access/{}", scope.world.workspaces().next().unwrap());
    let (status, lines) = unwell(&scope, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", &workspace, &["/permissions: a scope is missing", "grant the scope account"]);

    let role = site(always("forbidden,at=permissions/repositories")).await;
    let (status, lines) = unwell(&role, &[]);
    assert_eq!(status, 0, "rights are read more slowly then: {lines:#?}");
    assert_line(&lines, "warning", &workspace, &["a role or a scope is missing", "be an administrator of the workspace"]);
    let ran = duskwatch(&role, &["check"]);
    assert!(ran.out.split_whitespace().collect::<Vec<_>>().join(" ").contains("no administrator's view"), "{}", ran.out);

    let unknown = site(Vec::new()).await;
    edit(&unknown, &format!("slug = \"{}\"", unknown.world.workspaces().next().unwrap()), "slug = \"acmee\"");
    let (status, lines) = unwell(&unknown, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "access/acmee", &["404", "check the name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_without_linked_workspaces_is_warned_of() {
    let site = site(Vec::new()).await;
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), config.replacen(&site.server.atlassian_url(), &without_bitbucket().await, 1)).unwrap();
    let (_, lines) = unwell(&site, &[]);
    assert_line(&lines, "warning", "audit/acme", &["no workspace is linked", "link the workspaces to the organisation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_reach_or_answers_oddly_may_be_well_at_the_next_try() {
    for fault in ["html", "truncated-json", "status=503", "too-many-requests", "reset-before-headers"] {
        let site = site(always(fault)).await;
        let (status, lines) = unwell(&site, &[]);
        assert_eq!(status, 75, "{fault}: {lines:#?}");
        assert_line(&lines, "unreachable", "audit/acme", &[]);
        assert_eq!(count(&lines, "wrong"), 0, "{fault}: {lines:#?}");
    }
    let site = site(Vec::new()).await;
    edit(&site, &site.server.atlassian_url(), "http://127.0.0.1:1");
    edit(&site, "http://127.0.0.1:1/2.0", &site.server.bitbucket_url());
    let (status, lines) = unwell(&site, &[]);
    assert_eq!((status, count(&lines, "unreachable")), (75, 2), "{lines:#?}");
    assert_line(&lines, "unreachable", "audit/acme", &["could not connect", "check api_url"]);
    assert_eq!(unwell(&site, &["--offline"]).0, 0, "offline nobody is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_a_refused_address_and_a_wrong_clock_are_told_apart() {
    let away = site(always("redirect-away")).await;
    let (status, lines) = unwell(&away, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "audit/acme", &["our credential is only sent to its own host", "check api_url"]);

    let skewed = site(always("clock-skew=7200")).await;
    let (status, lines) = unwell(&skewed, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "127.0.0.1", &["the clock of this machine is ", " behind 127.0.0.1's", "NTP"]);
    let slightly = site(always("clock-skew=180")).await;
    let (status, lines) = unwell(&slightly, &[]);
    assert_eq!(status, 0);
    assert_line(&lines, "warning", "127.0.0.1", &["the clock of this machine is 1", " s behind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stores_logs_and_directories_that_would_fail_are_named() {
    let site = site(Vec::new()).await;
    fs::set_permissions(site.path("workspace.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (status, lines) = unwell(&site, &["--offline"]);
    assert_eq!(status, 0);
    assert_line(&lines, "warning", "organization[0].workspace[0].auth.access_token", &["mode 0644", "chmod o-rwx"]);

    fs::write(site.store(), "a shopping list, long enough to be mistaken for something else".repeat(20)).unwrap();
    fs::write(site.path("csv"), "no directory").unwrap();
    let (status, lines) = unwell(&site, &["--offline"]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "store.path", &["not a duskwatch store"]);
    assert_line(&lines, "wrong", "csv.directory", &["is no directory"]);

    let nowhere = site.path("nowhere").join("duskwatch.db").display().to_string();
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace(&site.store().display().to_string(), &nowhere)).unwrap();
    let (status, lines) = unwell(&site, &["--offline"]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", "store.path", &["there is no such directory", "make the directory"]);
    let ran = duskwatch(&site, &["poll"]);
    assert!(ran.status == 1 && ran.err.ends_with("duskwatch.db: there is no such directory\n"), "{ran:#?}");
    fs::write(site.config(), text).unwrap();

    append(&site, "[[log]]\nname = \"later\"\npaths = [\"/nowhere/*.log\"]\n");
    let squid = files(&site.logs()).into_iter().find(|path| path.display().to_string().contains("squid")).unwrap();
    append(&site, &format!("[[log]]\nname = \"odd\"\nformat = \"json\"\npaths = [{:?}]\n", squid.display().to_string()));
    let (_, lines) = unwell(&site, &[]);
    assert_line(&lines, "unreachable", "log/later", &["no file matches /nowhere/*.log"]);
    assert_line(&lines, "wrong", "log/odd", &["is understood as json", "format and fields"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_configuration_are_results_with_file_and_line() {
    let site = site(Vec::new()).await;
    edit(&site, "requests_per_minute = 60000", "requests_per_minut = 60000");
    append(&site, "[schedule]\ndigest = \"soon\"\n");
    let ran = duskwatch(&site, &["check", "--format", "json"]);
    assert_eq!(ran.status, 78, "{ran:#?}");
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    let results = said["results"].as_array().unwrap();
    assert_eq!((said["status"].as_str(), results.len()), (Some("wrong"), 2), "{said:#}");
    assert_eq!((results[0]["file"].as_str(), results[0]["line"].as_u64()), (site.config().to_str(), Some(5)), "{said:#}");
    assert!(results[0]["found"].as_str().unwrap().contains("did you mean `requests_per_minute`?"), "{said:#}");
    assert!(duskwatch(&site, &["check"]).out.contains("duskwatch.toml:5: unknown key"));
}

/// A mail server that knows one password; it returns what it heard of each conversation.
async fn mail_server(conversations: usize) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        for _ in 0..conversations {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
            let (mut line, mut in_data) = (String::new(), false);
            while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let said = line.trim_end().to_owned();
                line.clear();
                // The password is `right`.
                let answer = match said.as_str() {
                    "." => "250 queued",
                    _ if in_data => "",
                    "DATA" => "354 go on",
                    "AUTH PLAIN AGR1c2t3YXRjaAByaWdodA==" => "235 welcome",
                    "QUIT" => "221 bye",
                    said if said.starts_with("AUTH") => "535 5.7.8 wrong password",
                    said if said.starts_with("EHLO") => "250-test\r\n250 AUTH PLAIN",
                    _ => "250 ok",
                };
                in_data = said != "." && (in_data || said == "DATA");
                heard.push(said);
                if !answer.is_empty() && stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        }
        heard
    });
    (address, heard)
}

fn configure_mail(site: &Site, address: &str, password: &str) {
    fs::write(site.path("mail.password"), password).unwrap();
    fs::set_permissions(site.path("mail.password"), fs::Permissions::from_mode(0o600)).unwrap();
    let secret = site.path("mail.password").display().to_string();
    append(
        site,
        &format!(
            "[email]\nserver = \"smtp+plain://{address}\"\nusername = \"duskwatch\"\npassword = \"file:{secret}\"\n\
             from = \"Duskwatch <duskwatch@example.test>\"\n[[email.recipient]]\naddress = \"security@example.test\"\n"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_server_is_signed_in_to_and_a_mail_is_sent_only_when_asked_for() {
    let site = site(Vec::new()).await;
    let (address, heard) = mail_server(3).await;
    configure_mail(&site, &address, "right");
    let (status, lines) = unwell(&site, &[]);
    assert_eq!(status, 0, "{lines:#?}");
    let ran = duskwatch(&site, &["check", "--send-test-mail"]);
    assert_eq!(ran.status, 0, "{ran:#?}");
    assert!(ran.out.contains("the server took a test mail"), "{}", ran.out);
    let heard = heard.await.unwrap();
    assert_eq!(heard.iter().filter(|line| line.starts_with("AUTH PLAIN")).count(), 3);
    assert_eq!(heard.iter().filter(|line| *line == "RCPT TO:<security@example.test>").count(), 1, "{heard:#?}");
    assert!(heard.iter().any(|line| line == "Subject: [duskwatch] test mail"), "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_wrong_and_a_dead_server_is_out_of_reach() {
    let refused = site(Vec::new()).await;
    let (address, _heard) = mail_server(1).await;
    configure_mail(&refused, &address, "guess-7");
    let (status, lines) = unwell(&refused, &[]);
    assert_eq!(status, 78);
    assert_line(&lines, "wrong", &address, &["answers 535 to user name and password", "[email] server, username and password"]);
    assert!(!format!("{lines:?}").contains("guess-7"));

    let dead = site(Vec::new()).await;
    configure_mail(&dead, "127.0.0.1:1", "right");
    append(&dead, "[otel]\nendpoint = \"http://127.0.0.1:1\"\n");
    fs::write(dead.path("hook.key"), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
    let hook =
        format!("[[webhook]]\nurl = \"http://127.0.0.1:1/hunter2\"\nsecret = \"file:{}\"\n", dead.path("hook.key").display());
    append(&dead, &hook);
    let (status, lines) = unwell(&dead, &[]);
    assert_eq!(status, 75, "{lines:#?}");
    assert_line(&lines, "unreachable", "127.0.0.1:1", &["[email] server"]);
    assert_line(&lines, "unreachable", "http://127.0.0.1:1/", &["[otel] endpoint"]);
    assert_line(&lines, "unreachable", "http://127.0.0.1:1", &["[[webhook]] url"]);
    assert!(!format!("{lines:?}").contains("hunter2"), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_tells_when_an_api_token_of_ours_ends() {
    let world = small_world(51, at(NOW), 5);
    let plain = Site::grown(&world, ServeOptions::default()).await;
    let engine = plain.engine();
    plain.poll(&engine, at(NOW)).await;
    let report = plain.report(&engine, at(NOW)).await;
    let owner = report["tokens"].as_array().unwrap().iter().find_map(|token| token["user_email"].as_str()).unwrap();
    let site = Site::grown(&world, ServeOptions { email: owner.to_owned(), ..ServeOptions::default() }).await;
    site.server.set_now(Clock::System.now());
    fs::write(site.path("workspace.key"), ServeOptions::default().api_token).unwrap();
    let key = site.path("workspace.key").display().to_string();
    edit(&site, &format!("{{ access_token = \"file:{key}\" }}"), &format!("{{ email = {owner:?}, api_token = \"file:{key}\" }}"));
    let ran = duskwatch(&site, &["check", "--format", "json"]);
    assert_eq!(ran.status, 0, "{ran:#?}");
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    let told = said["results"].as_array().unwrap().iter().find(|line| line["name"] == owner).unwrap();
    assert!(told["found"].as_str().unwrap().contains("the first API token of this account to end is `"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_faults_costs_no_second_request() {
    let burst = Fault::new(FaultKind::Status(503), When::Every(1)).at("event-actions");
    let site = site(vec![burst]).await;
    assert_eq!(unwell(&site, &[]).0, 75);
    assert_eq!(site.server.requests()[&("event-actions", 503)], 1);
}
