mod corpus;

use super::{DEFAULT_TABLE, DEFAULTS, Document, Secrets, Section, sections};
use crate::{
    analysis::Rules,
    daemon::Options,
    evidence::{ClientCatalogue, Grade},
};

fn parse(file: &str, text: &str) -> Result<Options, Vec<super::Fault>> {
    super::parse(file, text, Secrets::Needed)
}

/// A reference to a secret that is written into a directory.
fn secret_in(directory: &tempfile::TempDir, name: &str, value: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, value).expect("a file");
    format!("file:{}", path.display())
}

fn faults(text: &str) -> Vec<String> {
    parse("duskwatch.toml", text).expect_err("the configuration is refused").iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_the_defaults() {
    let options = parse("duskwatch.toml", "").expect("the defaults are valid");
    assert_eq!(options.http.listen.to_string(), "127.0.0.1:9188");
    assert_eq!(options.campaigns.len(), 1);
    assert_eq!(options.schedule.digest.as_deref(), Some("0 7 * * *"));
    assert!(options.email.is_none() && options.otel.is_none());
}

#[test]
fn every_option_of_the_defaults_is_read_by_somebody() {
    // The defaults as the user's own file: an option that nobody reads would be an unknown key. Entries of lists have
    // required keys that are comments there; only those may be missed.
    let document = Document::new("default.toml", DEFAULTS, Secrets::Needed.into());
    let user = document.parse();
    let root = Section::root(&document, &user, &DEFAULT_TABLE);
    sections::read(&root);
    assert_eq!(root.unread_defaults(), Vec::<String>::new());
    root.finish();
    let unknown: Vec<_> = document.finish().into_iter().filter(|f| f.words.contains("unknown key")).collect();
    assert_eq!(unknown, []);
}

#[test]
fn every_commented_example_of_the_defaults_is_valid() {
    // What stands behind a single # before a key is an example; with all of them switched on the file must load, but for
    // the two forms of `auth` of which one can be given, and the environment, which is not set here.
    let text: String = DEFAULTS
        .lines()
        .filter(|line| !line.contains("email = \"…\", api_token"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.trim().chars().all(|c| c.is_ascii_lowercase() || c == '_')) =>
            {
                rest
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let left: Vec<String> = faults(&text).into_iter().filter(|f| !f.contains("is not set")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn all_faults_are_found_at_once_each_with_its_line_and_the_nearest_key() {
    let text = "\
[[organization]]
name = \"acme\"
id = \"x\"
api_kee = \"env:NO_SUCH_VARIABLE\"
share = 2.0

[schedule]
audit = \"1 minute\"
digest = \"every day\"
timezone = \"Mars/Olympus\"

[[log]]
name = \"a\"
format = \"xml\"

[jugdement]
";
    assert_eq!(
        faults(text),
        [
            "duskwatch.toml:1: organization[0].api_key: is missing",
            "duskwatch.toml:4: organization[0].api_kee: unknown key; did you mean `api_key`?",
            "duskwatch.toml:5: organization[0].share: 2 is out of range: 0.01 to 1",
            "duskwatch.toml:8: schedule.audit: `1 minute` is no duration; did you mean `1m`?",
            "duskwatch.toml:9: schedule.digest: `every day` is no cron line: five fields, such as \"0 7 * * *\"",
            "duskwatch.toml:10: schedule.timezone: `Mars/Olympus` is no IANA time zone, such as \"Europe/Berlin\"",
            "duskwatch.toml:12: log[0].paths: needs at least one path",
            "duskwatch.toml:14: log[0].format: `xml` is no format; known here: json, csv, combined, squid, transcript",
            "duskwatch.toml:16: jugdement: unknown key; did you mean `judgement`?",
        ]
    );
}

#[test]
fn a_file_that_is_no_text_is_told_with_the_line_where_it_ceases_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("duskwatch.toml");
    std::fs::write(&path, b"[store]\npath = \"\xff\"\n").unwrap();
    let faults = super::load(&path, Secrets::Needed).unwrap_err();
    assert_eq!(faults[0].to_string(), format!("{}:2: (file): is no UTF-8 here", path.display()));
}

#[test]
fn a_blank_secret_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let blank = secret_in(&directory, "blank", " \n");
    let found = faults(&format!("[http]\nlisten = \"0.0.0.0:9188\"\ntoken = \"{blank}\"\n"));
    assert!(found.iter().any(|fault| fault.ends_with("http.token: the secret is empty")), "{found:?}");
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = "[[organization]]\nname = \"a\"\nid = \"x\"\napi_key = \"ATCTT3xFfGN0-very-secret\"\n";
    let faults = faults(text);
    assert!(faults[0].contains("organization[0].api_key: must be a reference"), "{faults:?}");
    assert!(!faults.concat().contains("very-secret"));
}

#[test]
fn a_credential_is_not_sent_in_clear_text_beyond_the_loopback() {
    let text =
        |url: &str| format!("[[organization]]\nname = \"a\"\nid = \"x\"\napi_url = \"{url}\"\napi_key = \"file:/dev/null\"\n");
    assert!(faults(&text("http://api.example.test")).iter().any(|f| f.contains("unencrypted")));
    assert!(!faults(&text("http://127.0.0.1:8080")).iter().any(|f| f.contains("unencrypted")));
}

#[test]
fn the_page_beyond_the_loopback_needs_a_token() {
    assert_eq!(
        faults("[http]\nlisten = \"0.0.0.0:9188\"\n"),
        ["duskwatch.toml:1: http.token: is required unless listen is a loopback address"]
    );
}

#[test]
fn an_address_holds_no_credential_and_is_not_repeated() {
    let text = "[[organization]]\nname = \"a\"\nid = \"x\"\napi_url = \"https://me:hunter2@api.example.test\"\napi_key = \"file:/dev/null\"\n";
    let faults = faults(text).concat();
    assert!(faults.contains("must not hold a username or password") && !faults.contains("hunter2"), "{faults}");
}

#[test]
fn a_network_that_cannot_work_is_refused_where_it_stands() {
    let file =
        |text: &str| format!("[network]\n{text}\n[[organization]]\nname = \"acme\"\nid = \"x\"\napi_key = \"file:/dev/null\"\n");
    let refused = |text: &str, words: &str| {
        let found = faults(&file(text));
        assert!(found.iter().any(|fault| fault.contains(words)), "{found:?}");
    };
    refused(
        "ca_file = \"config/default.toml\"",
        "duskwatch.toml:2: network.ca_file: config/default.toml: the CA file holds no certificate",
    );
    refused("ca_file = \"config\"", "ca_file: config: Is a directory");
    refused("allowed_hosts = [\"api.example.test\"]", "api.atlassian.com is not among network.allowed_hosts");
}

#[test]
fn a_report_needs_no_secret_but_the_file_must_name_them_well() {
    let text = |secret: &str| format!("[[organization]]\nname = \"acme\"\nid = \"x\"\napi_key = \"{secret}\"\n");
    assert!(parse("duskwatch.toml", &text("env:NO_SUCH_VARIABLE")).is_err());
    assert!(super::parse("duskwatch.toml", &text("env:NO_SUCH_VARIABLE"), Secrets::Unneeded).is_ok());
    assert!(super::parse("duskwatch.toml", &text("hunter2"), Secrets::Unneeded).is_err());
}

#[test]
fn an_id_that_still_waits_to_be_replaced_is_refused() {
    let text = "[[organization]]\nname = \"acme\"\nid = \"the organisation's id\"\napi_key = \"file:/dev/null\"\n";
    assert!(
        faults(text).iter().any(|fault| fault.contains("duskwatch.toml:3: organization[0].id: `the organisation's id` is no"))
    );
}

#[test]
fn senders_have_names_and_tokens_of_their_own_and_workspaces_that_exist() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = |name: &str, value: &str| secret_in(&directory, name, value);
    let (page, one, two) = (secret("page", "p"), secret("one", "1-is-secret"), secret("two", "2"));
    let base = format!(
        "[[organization]]\nname = \"a\"\nid = \"x\"\napi_key = \"{two}\"\n[[organization.workspace]]\nslug = \"acme\"\n\
         auth = {{ access_token = \"{two}\" }}\n[http]\ntoken = \"{page}\"\n"
    );
    let sender = |name: &str, token: &str, more: &str| format!("[[http.intake]]\nname = \"{name}\"\ntoken = \"{token}\"\n{more}");
    let good =
        base.clone() + &sender("ci", &one, "workspaces = [\"acme\"]\nmaximum_grade = \"strong\"\n") + &sender("proxy", &two, "");
    let options = parse("duskwatch.toml", &good).expect("valid");
    let read: Vec<_> = options.http.intake.iter().map(|s| (s.name.as_str(), s.workspaces.len(), s.maximum_grade)).collect();
    assert_eq!(read, [("ci", 1, Grade::Strong), ("proxy", 0, Grade::Proven)]);
    assert!(!format!("{options:?}").contains("1-is-secret"));

    let bad = base
        + &sender("ci", &one, "workspaces = [\"amce\"]\n")
        + &sender("ci", &one, "maximum_grade = \"none\"\n")
        + &sender("proxy", &page, "workspace = [\"acme\"]\n")
        + "[[http.intake]]\nname = \"bare\"\n";
    let words: Vec<_> = faults(&bad).into_iter().map(|fault| fault.split_once(": ").expect("a place").1.to_owned()).collect();
    assert_eq!(
        words,
        [
            "http.intake[0].workspaces: `amce` is no workspace of the configuration; did you mean `acme`?",
            "http.intake[1]: the name `ci` stands twice",
            "http.intake[1].token: is also the token of `ci`: each needs its own, so that it is known who speaks",
            "http.intake[1].maximum_grade: `none` is no grade that counts; known here: weak, strong, proven",
            "http.intake[2].token: is also the token of the page: each needs its own, so that it is known who speaks",
            "http.intake[2].workspace: unknown key; did you mean `workspaces`?",
            "http.intake[3].token: is missing",
        ]
    );
}

#[test]
fn who_asks_no_api_may_limit_senders_to_any_workspace() {
    let directory = tempfile::tempdir().expect("a directory");
    let token = secret_in(&directory, "token", "1-is-secret");
    let text = format!("[[http.intake]]\nname = \"ci\"\ntoken = \"{token}\"\nworkspaces = [\"Acme\"]\n");
    assert_eq!(parse("duskwatch.toml", &text).expect("valid").http.intake[0].workspaces, ["acme"]);
}

#[test]
fn a_workspace_is_known_as_evidence_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = format!("\"{}\"", secret_in(&directory, "token", "1-is-secret"));
    let workspace = |slug: &str| format!("[[organization.workspace]]\nslug = \"{slug}\"\nauth = {{ access_token = {secret} }}\n");
    let base = format!("[[organization]]\nname = \"a\"\nid = \"x\"\napi_key = {secret}\n");
    let options = parse("duskwatch.toml", &(base.clone() + &workspace("Acme"))).expect("valid");
    assert_eq!(options.organizations[0].workspaces[0].slug, "acme");
    let twice = faults(&(base + &workspace("Acme") + &workspace("acme"))).concat();
    assert!(twice.contains("the workspace `acme` stands twice"), "{twice}");
}

#[test]
fn owners_stand_in_sections_or_in_a_table_and_keep_their_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let table = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        format!("owners_file = \"{}\"\n", path.display())
    };
    let last =
        table("last.csv", "\u{feff}Lead Time;Name;E-Mail;User\r\n45d;Platform Team;platform@example.test;*\r\n;nobody;;x*\r\n");
    let middle = table("middle.csv", "name,workspace,repository,client,origin\nmiddle,acme,pay-*,jenkins,build farm\n");
    let text = last + "[[owner]]\nname = \"first\"\nmatch = { user = \"ada\" }\n[[owner]]\n" + &middle;
    let owners = parse("duskwatch.toml", &text).expect("valid").policy.owners;
    let names: Vec<&str> = owners.iter().map(|owner| owner.name.as_str()).collect();
    assert_eq!(names, ["first", "middle", "Platform Team", "nobody"]);
    let patterns = |owner: &crate::analysis::Owner| {
        [&owner.workspace, &owner.repository, &owner.client, &owner.user, &owner.origin]
            .map(|pattern| pattern.clone().unwrap_or_default())
    };
    assert_eq!(patterns(&owners[1]), ["acme", "pay-*", "jenkins", "", "build farm"]);
    let team = &owners[2];
    assert_eq!((team.email.as_deref(), team.lead_time_days), (Some("platform@example.test"), Some(45)));
    assert_eq!((&owners[3].email, owners[3].lead_time_days, owners[3].user.as_deref()), (&None, None, Some("x*")));
}

#[test]
fn when_a_secret_ends_can_be_said_of_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = format!("\"{}\"", secret_in(&directory, "token", "1-is-secret"));
    let text = format!(
        "[http]\ntoken = {secret}\ntoken_expires = \"2027-01-02\"\n\
         [otel]\nendpoint = \"http://127.0.0.1:4318\"\nheaders = {{ key = {secret} }}\nheaders_expires = \"2027-03-04\"\n"
    );
    let own = parse("duskwatch.toml", &text).expect("valid").own_credentials;
    let own: Vec<_> = own.iter().map(|own| (own.name.as_str(), own.expires.map(|date| date.to_string()))).collect();
    let told = |date: &str| Some(date.to_owned());
    assert_eq!(own, [("otel.headers", told("2027-03-04")), ("http.token", told("2027-01-02"))]);
    let none = parse("duskwatch.toml", "[http]\ntoken = \"\"\n").expect("valid").own_credentials;
    assert!(none.is_empty(), "what is empty is no secret: {none:?}");
}

#[test]
fn a_log_says_its_format_and_only_what_that_format_has() {
    let log = |rest: &str| format!("[[log]]\nname = \"a\"\npaths = [\"*.log\"]\n{rest}\n");
    for good in [
        "",
        "format = \"csv\"\nfields = { client_ip = \"src\", job = \"src.job\" }",
        "format = \"combined\"\nuser = \"bitbucket\"\nhost = \"bitbucket.org\"",
        "format = \"squid\"\nuser = \"proxy\"",
    ] {
        assert!(parse("duskwatch.toml", &log(good)).is_ok(), "{good}: {:?}", faults(&log(good)));
    }
    for (wrong, words) in [
        ("format = \"squid\"\nfields = { time = \"ts\" }", "log[0].fields: `squid` has its fields in fixed places"),
        ("format = \"csv\"\nuser = \"bitbucket\"", "log[0].user: `csv` has no user field"),
        ("format = \"transcript\"\nhost = \"bitbucket.org\"", "log[0].host: `transcript` finds the host in the URLs"),
        ("format = \"combined\"\nuser = \"me\"", "log[0].user: `me` is nobody"),
        ("fields = { client_ip = \"src\", job = \"src.job\" }", "log[0].fields: `job`: the key `src` is taken"),
    ] {
        assert!(faults(&log(wrong)).concat().contains(words), "{:?}", faults(&log(wrong)));
    }
    for name in ["files", "register", "directory"] {
        let faults = faults(&format!("[[log]]\nname = \"{name}\"\npaths = [\"*.log\"]\n")).concat();
        assert!(faults.contains(&format!("log[0].name: `import/{name}` is the name")), "{faults}");
    }
}

#[test]
fn the_sections_of_the_manual_are_valid() {
    let manual = include_str!("../../deploy/README.md");
    for section in manual.split("```toml http\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        // Its secret and its certificate are not here.
        let elsewhere = ["is not set", "is required unless", "page.pem cannot be read"];
        let left: Vec<_> =
            faults(section).into_iter().filter(|fault| !elsewhere.iter().any(|words| fault.contains(words))).collect();
        assert_eq!(left, Vec::<String>::new());
    }
    let sections: Vec<_> = manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(sections.concat().contains("[[log]]"));
    // Each on its own: two examples may speak of one section.
    let organization = include_str!("../../config/minimal.toml").split("[email]").next().expect("the beginning");
    for section in sections {
        let faults = parse("README.md", &format!("{organization}{section}")).err().unwrap_or_default();
        // Secrets are not here.
        let elsewhere = |fault: &String| fault.contains("is not set") || fault.contains("exchange.pem cannot be read");
        let faults: Vec<_> = faults.iter().map(ToString::to_string).filter(|fault| !elsewhere(fault)).collect();
        assert_eq!(faults, Vec::<String>::new(), "{section}");
    }
}

#[test]
fn faults_of_a_rules_file_are_told_with_those_of_the_configuration_each_in_its_own_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let rule = "[[before]]\nid = \"vault\"\nreason = \"ours\"\nwhen = { shceme = \"basic\" }\ncredential = \"oauth\"\ngrade = \"weak\"\n";
    let (bad, clients) = (path("rules.toml", rule), path("clients.toml", "[[client]]\nid = \"x\"\n"));
    let text = format!("[rules]\nfile = {bad:?}\nclients = {clients:?}\n[store]\npth = \"a\"\n");
    let found = faults(&text);
    assert!(found.len() >= 3, "{found:#?}");
    assert_eq!(found[0], "duskwatch.toml:5: store.pth: unknown key; did you mean `path`?");
    let own = found[1..].concat();
    assert!(own.contains(&format!("{bad}:4: before[0].when.shceme: unknown key; did you mean `scheme`?")), "{own}");
    assert!(own.contains(&format!("{clients}:")) && own.contains("client"), "{own}");
    let gone = faults("[rules]\nfile = \"/nowhere/rules.toml\"\n").concat();
    assert!(gone.contains("duskwatch.toml:2: rules.file: /nowhere/rules.toml cannot be read"), "{gone}");

    let good = path("good.toml", &rule.replace("shceme", "scheme"));
    let options = parse("duskwatch.toml", &format!("[rules]\nfile = {good:?}\n")).expect("valid");
    assert_eq!(options.rules.ids().next(), Some("vault"));
}

#[test]
fn the_examples_of_rules_are_valid() {
    let manual = include_str!("../../deploy/README.md");
    let example = manual.split("```toml rules\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it is there");
    assert_eq!(Rules::with_additions("README.md", example).expect("valid").own().count(), 2);
    let example = manual.split("```toml clients\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it is there");
    let catalogue = ClientCatalogue::with_additions(example).expect("valid");
    let steps = catalogue.steps("acme-deploy").expect("steps");
    assert!(steps.change[0].contains("vault entry") && steps.usernames[0].username == "x-token-auth", "{steps:?}");
    let head = include_str!("../../config/rules.toml").lines().skip_while(|line| *line != "#   [[before]]");
    let example: String = head.take_while(|line| *line != "#").flat_map(|line| [line.trim_start_matches('#'), "\n"]).collect();
    assert_eq!(Rules::with_additions("rules.toml", &example).expect("valid").own().count(), 1);
}

#[test]
fn campaigns_stand_side_by_side_and_the_slips_of_their_files_are_told_with_the_others() {
    let section = |file: &str| format!("[[campaign]]\nfile = \"{file}\"\n");
    let builtins = ["bitbucket-ssh-host", "api-token-expiry", "bitbucket-app-passwords"];
    let text: String = builtins.iter().map(|name| section(&format!("builtin:{name}"))).collect();
    let options = parse("duskwatch.toml", &(text + "removal = \"2026-08-04\"\n")).expect("three campaigns");
    let ids: Vec<_> = options.campaigns.iter().map(|campaign| (campaign.id.as_str(), campaign.removal.to_string())).collect();
    assert_eq!(
        ids,
        [
            ("bitbucket-ssh-host", "2026-11-12T00:00:00Z".to_owned()),
            ("bitbucket-app-passwords", "2026-08-04T00:00:00Z".to_owned())
        ]
    );
    assert_eq!(options.expiries.len(), 1);

    let dir = tempfile::tempdir().expect("a directory");
    let own = dir.path().join("own.toml");
    let file = include_str!("../../config/campaigns/bitbucket-ssh-host.toml");
    std::fs::write(&own, file.replace("noun  ", "nuon  ").replace("\"ssh.bitbucket.org\"", "\"ssh.bitbuket.org\""))
        .expect("written");
    let own = own.display().to_string();
    let text = [
        section("builtin:bitbucket-ssh-hosts"),
        section("missing.toml"),
        section("builtin:api-token-expiry") + "removal = \"2026-08-04\"\n",
        section("builtin:api-token-expiry"),
        section(&own),
    ];
    let found = faults(&text.concat());
    assert_eq!(
        found,
        [
            "duskwatch.toml:2: campaign[0].file: `builtin:bitbucket-ssh-hosts` is not built in; did you mean `builtin:bitbucket-ssh-host`?".to_owned(),
            "duskwatch.toml:4: campaign[1].file: missing.toml cannot be read: No such file or directory (os error 2)".to_owned(),
            "duskwatch.toml:7: campaign[2].removal: each token has a deadline of its own: leave this out".to_owned(),
            "duskwatch.toml:8: campaign[3]: the name `api-token-expiry` stands twice".to_owned(),
            format!("{own}: noun: is missing"),
            format!("{own}:6: nuon: unknown key; did you mean `noun`?"),
            format!("{own}:29: replacement.hosts: `ssh.bitbuket.org` is no host of Bitbucket; did you mean `ssh.bitbucket.org`?"),
        ]
    );
}

#[test]
fn webhooks_are_signed_reached_safely_and_known_by_names_without_secrets() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = |name: &str, value: &str| secret_in(&directory, name, value);
    let good = secret("good", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
    let hidden = secret("address", "https://chat.example.test/hooks/hunter2");
    let hook = |url: &str, secret: &str| format!("[[webhook]]\nurl = \"{url}\"\nsecret = \"{secret}\"\n");
    let two = "https://hooks.example.test/services/hunter2";
    let text = hook(two, &good) + &hook(&format!("{two}?x"), &good) + &hook(&hidden, &good) + &hook("http://localhost:1/", &good);
    let options = parse("duskwatch.toml", &text).expect("valid");
    let labels: Vec<&str> = options.webhooks.iter().map(|webhook| webhook.label.as_str()).collect();
    assert_eq!(labels, ["https://hooks.example.test", "https://hooks.example.test (2)", hidden.as_str(), "http://localhost:1"]);
    assert!(!format!("{options:?}").contains("hunter2"));
    for (text, words) in [
        (hook("http://hooks.example.test/hunter2", &good), "would send the credential unencrypted"),
        (hook("ftp://hooks.example.test/hunter2", &good), "must start with https:// or http://"),
        (hook(two, "whsec_x"), "must be a reference"),
        (hook(two, &secret("short", "whsec_AAEC")), "the secret has 3 bytes: 24 to 64 random ones are asked for"),
        (hook(two, &secret("plain", "hunter2")), "the secret must be base64, with or without whsec_"),
        (hook(two, &good) + "[network]\nallowed_hosts = [\"api.example.test\"]\n", "hooks.example.test is not among"),
        (hook(&secret("odd", "chat/hunter2"), &good), "is no address that can be used"),
        (format!("[[webhook]]\nurl = \"{two}\"\n"), "webhook[0].secret: is missing"),
        (hook(two, &good) + "name = \"x\"\n", "webhook[0].name: unknown key"),
    ] {
        let found = faults(&text).concat();
        assert!(found.contains(words) && !found.contains("hunter2"), "{words}: {found}");
    }
    assert!(super::parse("duskwatch.toml", &hook("env:NOT_SET", "env:NOT_SET"), Secrets::Unneeded).is_ok());
}

#[test]
fn figures_alone_may_go_to_a_collector_in_clear_text_and_a_key_may_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = format!("{{ key = \"{}\" }}", secret_in(&directory, "key", "hunter2"));
    let otel = |endpoint: &str, headers: &str| format!("[otel]\nendpoint = \"{endpoint}\"\nheaders = {headers}\n");
    let allowing = |hosts: &str, text: &str| format!("[network]\nallowed_hosts = [{hosts}]\n{text}");
    let mail = "[email]\nserver = \"smtp://Mail.example.test\"\nfrom = \"duskwatch@example.test\"\n";
    for good in [
        otel("http://otel.example.test:4318", "{}"),
        otel("http://otel.example.test:4318", "{ tenant = \"acme\" }"),
        otel("https://otel.example.test:4318", &key),
        otel("http://127.0.0.1:4318", &key),
        otel("http://otel.localhost:4318", &key),
        allowing("\"otel.example.test\"", &otel("https://otel.example.test", &key)),
        allowing("\"mail.example.test\"", mail),
        allowing("\"mail.example.test\"", &otel("http://127.0.0.1:4318", &key)),
    ] {
        assert!(parse("duskwatch.toml", &good).is_ok(), "{good}: {:?}", faults(&good));
    }
    for (text, words) in [
        (otel("http://otel.example.test:4318", &key), "would send the credential unencrypted"),
        (otel("http://10.20.0.5:4317", &key), "would send the credential unencrypted"),
        (allowing("\"mail.example.test\"", &otel("http://otel.example.test", "{}")), "otel.example.test is not among"),
        (allowing("\"otel.example.test\"", mail), "email.server: Mail.example.test is not among"),
    ] {
        let found = faults(&text).concat();
        assert!(found.contains(words) && !found.contains("hunter2"), "{words}: {found}");
        // Who only reads a report sees the same.
        assert!(super::parse("duskwatch.toml", &text, Secrets::Unneeded).is_err(), "{text}");
    }
}

#[test]
fn people_are_named_or_under_pseudonyms() {
    let options = parse("duskwatch.toml", "[privacy]\npeople = \"pseudonyms\"\nmachines = [\"svc-*\"]\n").expect("valid");
    assert!(options.privacy.pseudonyms && options.privacy.machines == ["svc-*"]);
    assert!(!parse("duskwatch.toml", "").expect("valid").privacy.pseudonyms);
    let fault = faults("[privacy]\npeople = \"hidden\"\n");
    assert_eq!(fault, ["duskwatch.toml:2: privacy.people: `hidden` is no way to show people; known here: named, pseudonyms"]);
}

#[test]
fn a_file_that_could_not_be_read_whole_does_not_say_that_the_page_is_in_clear_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("duskwatch.toml");
    let listen = "[http]\nlisten = \"127.0.0.1:9188\"\n";
    let encrypted = |rest: &str| {
        std::fs::write(&file, format!("{listen}{rest}")).expect("a file");
        super::page(&file).expect("it says where the page is").encrypted
    };
    assert_eq!(encrypted(""), Some(false));
    assert_eq!(encrypted("[http.tls]\ncertificate = \"page.pem\"\n"), Some(true));
    assert_eq!(encrypted("tls = true\n"), None);
    assert_eq!(encrypted("[http.tls\ncertificate = \"page.pem\"\n"), None);
}
