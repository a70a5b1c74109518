//! A corpus of broken configurations, each with exactly what is said of it.
//!
//! A file of `tests/data/broken-configurations` holds cases: `=== what is wrong`, the configuration, `--- file NAME` and the
//! text of each file that it names, and `--- says` with one line for each fault. `{dir}` stands for the directory of these
//! files. A case that says something else is written to `target/broken-configurations`, to be read and copied.

use std::{fmt::Write as _, fs, path::Path};

use super::parse;

struct Case<'a> {
    name: &'a str,
    text: String,
    files: Vec<(&'a str, String)>,
    says: Vec<&'a str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    text.split("=== ").skip(1).map(case).collect()
}

fn case(block: &str) -> Case<'_> {
    let (name, rest) = block.split_once('\n').expect("a name");
    let (given, says) = rest.split_once("--- says\n").expect("what is said");
    let mut parts = given.split("--- file ");
    let text = parts.next().unwrap_or_default().to_owned();
    let files = parts.map(|part| part.split_once('\n').map(|(name, text)| (name, text.to_owned())).expect("a file's name"));
    Case { name, text, files: files.collect(), says: says.lines().filter(|line| !line.is_empty()).collect() }
}

impl Case<'_> {
    fn said(&self) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().display().to_string();
        for (name, text) in &self.files {
            fs::write(directory.path().join(name), text.trim_end_matches('\n')).expect("a file");
        }
        let refused = parse("duskwatch.toml", &self.text.replace("{dir}", &place)).err().unwrap_or_default();
        refused.iter().map(|fault| fault.to_string().replace(&place, "{dir}")).collect()
    }

    fn written(&self, says: &[String]) -> String {
        let mut block = format!("=== {}\n{}", self.name, self.text);
        for (name, text) in &self.files {
            write!(block, "--- file {name}\n{text}").expect("a string");
        }
        format!("{block}--- says\n{}\n\n", says.join("\n"))
    }
}

#[test]
fn every_broken_configuration_says_exactly_what_is_wrong_with_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<_> = fs::read_dir(root.join("tests/data/broken-configurations")).expect("the corpus").collect();
    names.sort_by_key(|entry| entry.as_ref().map(fs::DirEntry::path).ok());
    let (mut count, mut other) = (0, Vec::new());
    for path in names.into_iter().map(|entry| entry.expect("an entry").path()) {
        let text = fs::read_to_string(&path).expect("a file of the corpus");
        let cases = cases(&text);
        count += cases.len();
        let said: Vec<Vec<String>> = cases.iter().map(Case::said).collect();
        let wrong = cases.iter().zip(&said).filter(|(case, said)| case.says != **said || said.is_empty());
        other.extend(wrong.map(|(case, said)| format!("{}: {said:#?}", case.name)));
        let written: String = cases.iter().zip(&said).map(|(case, said)| case.written(said)).collect();
        if written != text {
            let target = root.join("target/broken-configurations");
            fs::create_dir_all(&target).expect("a directory");
            fs::write(target.join(path.file_name().expect("a name")), written).expect("written");
        }
    }
    assert!(other.is_empty(), "{} of {count} say something else:\n{}", other.len(), other.join("\n"));
    assert!(count >= 60, "{count} cases");
}

#[test]
fn no_fault_repeats_a_secret() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/broken-configurations")).expect("the corpus")
    {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a file of the corpus");
        for case in cases(&text) {
            assert!(!case.said().concat().contains("hunter2"), "{}", case.name);
        }
    }
}
