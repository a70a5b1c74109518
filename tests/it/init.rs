//! The first configuration: written by `init`, proven by `check`; and what is generated from the commands.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use tokio::task::block_in_place;

fn duskwatch(directory: &Path, arguments: &[&str], secrets: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
    command.args(arguments).current_dir(directory).env_remove("RUST_LOG").envs(secrets.iter().copied()).stdin(Stdio::null());
    let Output { status, stdout, stderr } = block_in_place(|| command.output()).unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

const FLAGS: [&str; 23] = [
    "init",
    "--organization",
    "acme",
    "--organization-id",
    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "--workspace",
    "acme",
    "--workspace",
    "acme-platform",
    "--log",
    "squid:/var/log/squid/access.log",
    "--mail-server",
    "smtps://mail.example.test:465",
    "--mail-username",
    "duskwatch",
    "--mail-from",
    "Duskwatch \"watch\" <duskwatch@example.test>",
    "--security",
    "security@example.test",
    "--leadership",
    "cto@example.test",
    "--timezone",
    "Europe/Berlin",
];

const SECRETS: [(&str, &str); 3] = [("ATLASSIAN_API_KEY", "k"), ("BITBUCKET_TOKEN", "t"), ("SMTP_PASSWORD", "p")];

#[tokio::test(flavor = "multi_thread")]
async fn flags_make_a_configuration_that_is_sound_as_soon_as_its_secrets_are_set() {
    let directory = tempfile::tempdir().unwrap();
    let (status, out, err) = duskwatch(directory.path(), &FLAGS, &[]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    for step in ["env:ATLASSIAN_API_KEY, env:BITBUCKET_TOKEN, env:SMTP_PASSWORD", "check --offline", " poll ", " run "] {
        assert!(out.contains(step), "{step} is not in {out}");
    }
    let written = fs::read_to_string(directory.path().join("duskwatch.toml")).unwrap();
    assert!(written.matches("\n#").count() > 5, "it is commented: {written}");
    let (status, out, _) = duskwatch(directory.path(), &["check", "--offline"], &[]);
    assert_eq!(status, 78);
    assert!(out.contains("the environment variable `SMTP_PASSWORD` is not set"), "{out}");
    let (status, out, _) = duskwatch(directory.path(), &["check", "--offline"], &SECRETS);
    assert_eq!(status, 0, "{out}\n{written}");
    assert!(out.contains("no fault; 5 sources to read"), "{out}");

    let (status, _, err) = duskwatch(directory.path(), &FLAGS, &[]);
    assert_eq!(status, 1);
    assert!(err.contains("is there already and stays as it is"), "{err}");
    assert_eq!(fs::read_to_string(directory.path().join("duskwatch.toml")).unwrap(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_said_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let (status, out, err) = duskwatch(directory.path(), &["init"], &[]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("--organization, --organization-id"), "{err}");
    let wrong =
        ["init", "--organization", "acme", "--organization-id", "my id", "--timezone", "Europe/Berln", "--api-key", "hunter2"];
    let (status, _, err) = duskwatch(directory.path(), &wrong, &[]);
    assert_eq!(status, 78);
    for words in ["is no organisation id", "did you mean `Europe/Berlin`?", "must be a reference"] {
        assert!(err.contains(words), "{words} is not in {err}");
    }
    assert!(!err.contains("hunter2"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    // Logs alone are enough to watch.
    let (status, _, err) = duskwatch(directory.path(), &["init", "--log", "/var/log/egress/*.jsonl"], &[]);
    assert_eq!(status, 0, "{err}");
    assert_eq!(duskwatch(directory.path(), &["check", "--offline"], &[]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_manual_pages_know_every_command() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, out, err) = duskwatch(directory.path(), &["completions", shell], &[]);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.contains("reclassify") && out.contains("send-test-mail"), "{shell}");
    }
    assert_eq!(duskwatch(directory.path(), &["completions", "tcsh"], &[]).0, 2);
    let (status, _, err) = duskwatch(directory.path(), &["man", "pages"], &[]);
    assert_eq!((status, err.as_str()), (0, ""));
    let page = |name: &str| fs::read_to_string(directory.path().join("pages").join(name)).unwrap();
    assert!(page("duskwatch.1").contains("duskwatch\\-check(1)"), "{}", page("duskwatch.1"));
    assert!(page("duskwatch-check.1").contains("send\\-test\\-mail"), "{}", page("duskwatch-check.1"));
    assert!(page("duskwatch-run.1").starts_with(".ie"), "{}", page("duskwatch-run.1"));
}
