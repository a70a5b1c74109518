//! What is in the repository, and what must not be.

use std::collections::BTreeSet;
use std::process::Command;

use super::code::root;

const TOP_LEVEL: [&str; 9] = ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "config", "deploy", "sql", "src", "tests"];

/// Entries of the root that are not on the card. Tool files are dotted.
fn strangers<'a>(tracked: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let entries = tracked.into_iter().filter_map(|path| path.split('/').next());
    entries.filter(|entry| !entry.starts_with('.') && !TOP_LEVEL.contains(entry)).collect()
}

fn git_paths(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8 paths").split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn the_root_holds_only_what_is_on_the_card() {
    let tracked = git_paths(&["ls-files", "-z"]);
    assert_eq!(strangers(tracked.iter().map(String::as_str)), BTreeSet::new());
}

#[test]
fn what_git_ignores_is_not_tracked() {
    assert_eq!(git_paths(&["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"]), Vec::<String>::new());
}

#[test]
fn a_stranger_in_the_root_is_caught() {
    let tracked = ["src/lib.rs", ".ci/run", "utils/mod.rs", "notes.md"];
    assert_eq!(strangers(tracked), BTreeSet::from(["notes.md", "utils"]));
}
