//! Instances of one organisation, each with a configuration, keys and a store of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use duskwatch::{
    config::{self, Secrets},
    daemon::{Engine, Imported, hand_over},
    evidence::{
        Day, Roster,
        exchange::{
            self,
            seal::{PrivateKey, Seal},
        },
    },
    store::Store,
};
use tempfile::TempDir;

use crate::support::{Site, at, picture::Picture};

/// Who an instance is: its name, its key as openssl writes it, and the other half.
pub struct Signer {
    pub name: &'static str,
    pub key: &'static str,
    pub public: &'static str,
}

pub const WEST: Signer = Signer {
    name: "west",
    key: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGlVXn9oNS+gh8ZJgZ/yeNW9ObEdP845OHr8kBN7aGXh\n-----END PRIVATE KEY-----\n",
    public: "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAH8jZipbbnuoNFfT2H0yxLnejwqJRj7vQwwrZz0hJmV0=\n-----END PUBLIC KEY-----\n",
};

pub const EAST: Signer = Signer {
    name: "east",
    key: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIOFGwcU0J/CQ9dI/46gnaHmZc9Fzp626kmUI1/EnhYa/\n-----END PRIVATE KEY-----\n",
    public: "nVoRchcCIFCdXATwGbtDuTT+mq8UxaHXm7jMSW+ylIU=",
};

impl Signer {
    /// What its own configuration says of it; the key lies beside that.
    pub fn section(&self) -> String {
        format!("[instance]\nname = {:?}\nkey = \"file:{{dir}}/{}.pem\"\n", self.name, self.name)
    }

    /// What a reporter says of it.
    pub fn trusted(&self, late_after: &str) -> String {
        format!("[[exchange]]\nname = {:?}\npublic_key = {:?}\nlate_after = {late_after:?}\n", self.name, self.public)
    }
}

/// What a reporter says of both.
pub fn exchanges(late_after: &str) -> String {
    WEST.trusted(late_after) + &EAST.trusted(late_after)
}

/// The lines of a file before the last.
pub fn lines(file: &Path) -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(fs::File::open(file).unwrap()).unwrap()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    lines
}

/// A file of these lines, signed by a key.
pub fn signed(lines: &[String], pem: &str) -> Vec<u8> {
    let mut text: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let mut seal = Seal::default();
    seal.add(&text);
    text.extend(exchange::end(&PrivateKey::from_pem(pem).unwrap().sign(&seal.digest())));
    zstd::encode_all(&text[..], 3).unwrap()
}

pub struct Party {
    dir: TempDir,
}

/// The names of the logs of a site, in the order of its configuration.
pub fn logs(site: &Site) -> Vec<String> {
    let sections = sections(site);
    sections.iter().filter(|section| section.starts_with("[[log]]")).map(|section| log_name(section)).collect()
}

fn log_name(section: &str) -> String {
    section.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"').to_owned()
}

fn sections(site: &Site) -> Vec<String> {
    let mut sections = Vec::<String>::new();
    for line in fs::read_to_string(site.config()).unwrap().lines() {
        match sections.last_mut() {
            Some(section) if !line.starts_with('[') => section.extend([line, "\n"]),
            _ => sections.push(format!("{line}\n")),
        }
    }
    sections
}

impl Party {
    /// An instance that reads some logs of a site, and its APIs or not. `{dir}` in `more` is where it lives.
    pub fn new(site: &Site, logs: &[String], organization: bool, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut text = String::new();
        for section in sections(site) {
            let head = section.lines().next().unwrap();
            if head.starts_with("[[organization") && !organization || head == "[store]" || head == "[csv]" {
                continue;
            }
            if head != "[[log]]" || logs.contains(&log_name(&section)) {
                text.push_str(&section);
            }
        }
        for signer in [WEST, EAST] {
            fs::write(dir.path().join(format!("{}.pem", signer.name)), signer.key).unwrap();
        }
        let here = dir.path().display().to_string();
        text.extend([
            format!("[store]\npath = \"{here}/duskwatch.db\"\n[csv]\ndirectory = \"{here}/csv\"\n"),
            more.replace("{dir}", &here),
        ]);
        fs::write(dir.path().join("duskwatch.toml"), text).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("duskwatch.toml")
    }

    pub fn engine(&self) -> Arc<Engine> {
        Arc::new(Engine::open(config::load(&self.config(), Secrets::Needed).unwrap()).unwrap())
    }

    pub async fn poll(&self, now: &str) {
        let outcome = self.engine().poll(&[], None, at(now)).await.unwrap();
        assert_eq!(outcome.failed, Vec::<String>::new(), "{:#?}", outcome.lines);
    }

    /// Writes a file as of an instant, and says where.
    pub async fn hand_over(&self, from: Option<Day>, now: &str) -> PathBuf {
        let options = config::load(&self.config(), Secrets::ToSign).unwrap();
        hand_over(options, from, self.dir.path(), at(now)).await.unwrap().path
    }

    /// Takes a file in.
    pub async fn take(&self, file: &Path, now: &str) -> Result<Imported, String> {
        let taken = self.engine().import_exchange(file, at(now), |_| {}).await;
        taken.map_err(|error| format!("{error:#}"))
    }

    pub async fn package(&self, now: &str) -> PathBuf {
        self.engine().judge(at(now)).await.unwrap().write_package(&self.path("csv"), 3_650).unwrap()
    }

    /// The JSON report of a judgement.
    pub async fn report(&self, now: &str) -> serde_json::Value {
        serde_json::from_str(&self.engine().judge(at(now)).await.unwrap().json()).unwrap()
    }

    /// What the lists say at an instant.
    pub async fn roster(&self, now: &str) -> Roster {
        let now = at(now);
        Store::open_read_only(&self.path("duskwatch.db")).unwrap().read(move |r| r.roster(now)).await.unwrap()
    }

    pub async fn picture(&self) -> Picture {
        Picture::of(&self.path("duskwatch.db")).await
    }
}
