//! Kill -9 and loss of power, at every operation that the program does on its disk and at random instants: nothing is lost,
//! nothing is done twice, and what is half written is never shown.
//!
//! `DUSKWATCH_CRASHES=2000 cargo test --test it crash:: -- --nocapture` plays so many of each of the two tests, spread over
//! all operations of every command, and over the life of a service; where nobody asks for more, some dozens.
//! `DUSKWATCH_CRASHES=1000000` kills each command at each of its operations in each of the ways.

mod commands;
mod service;
mod wal;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use data_encoding::HEXLOWER;
use duskwatch::{simulator::ServeOptions, store::Store};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::support::{
    NOW, Site, at, file_name, files,
    seeds::number,
    small_world,
    smtp::{Arrived, MailServer},
};

fn crashes(otherwise: usize) -> usize {
    number("DUSKWATCH_CRASHES").map_or(otherwise, |wanted| usize::try_from(wanted).unwrap())
}

const LIST_SENT_MAIL: &str = include_str!("../../data/crash/list_sent_mail.sql");

const SECURITY: &str = "security@example.test";
const BOARD: &str = "board@example.test";

/// A site of a small world whose digest has two readers, with nothing in its logs yet, and the server of its mail.
async fn site(seed: u64, history_days: u32) -> (Site, MailServer) {
    let site = Site::new(&small_world(seed, at(NOW), history_days), ServeOptions::default()).await;
    let mail = MailServer::start().await;
    let recipient = |address| format!("[[email.recipient]]\naddress = {address:?}\naudience = \"security\"\n");
    let readers = [SECURITY, BOARD].map(recipient).concat();
    append(&site, &format!("[email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n{readers}", mail.url));
    (site, mail)
}

fn append(site: &Site, section: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + section).unwrap();
}

/// What a command finds on its disk, to be put back as often as it is needed.
struct Disk(TempDir);

/// The store and what stands beside it, the packages, and copies of the store.
const WRITTEN: [&str; 7] =
    ["duskwatch.db", "duskwatch.db-wal", "duskwatch.db-shm", "csv", "copy.db", "copy.db-wal", "copy.db-shm"];

impl Disk {
    fn of(site: &Site) -> Self {
        let kept = tempfile::tempdir().unwrap();
        copy(site.dir.path(), kept.path());
        Self(kept)
    }

    fn put_back(&self, site: &Site) {
        for path in fs::read_dir(site.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
            match file_name(&path) {
                "csv" => fs::remove_dir_all(&path).unwrap(),
                name if name.contains(".db") => fs::remove_file(&path).unwrap(),
                _ => {}
            }
        }
        copy(self.0.path(), site.dir.path());
    }
}

/// With links as links.
fn copy(from: &Path, to: &Path) {
    let written: Vec<_> = WRITTEN.iter().map(|name| from.join(name)).filter(|path| path.exists()).collect();
    if !written.is_empty() {
        assert!(block_in_place(|| Command::new("cp").arg("-a").args(written).arg(to).status()).unwrap().success());
    }
}

/// Fails when the store is not what `store verify` asks for.
async fn assert_sound(site: &Site, when: &str) {
    let store = Store::open_read_only(&site.store()).unwrap_or_else(|error| panic!("{when}: {error}"));
    let findings = store.read(|r| Ok(r.verify())).await.unwrap();
    for finding in findings {
        assert!(finding.faults.is_empty(), "{when}: {finding:#?}");
    }
}

/// Fails when a package that somebody would open is not whole: those that are named by a day, and what `latest` leads to.
fn assert_packages_are_whole(site: &Site, when: &str) {
    let directory = site.path("csv");
    if !directory.exists() {
        return;
    }
    let entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    for package in entries.filter(|path| !file_name(path).starts_with('.')) {
        let described = fs::read(package.join("datapackage.json"));
        let described: Value =
            serde_json::from_slice(&described.unwrap_or_else(|e| panic!("{when}: {}: {e}", package.display()))).unwrap();
        let resources = described["resources"].as_array().unwrap();
        assert_eq!(resources.len() + 1, files(&package).len(), "{when}: {}", package.display());
        for resource in resources {
            let bytes = fs::read(package.join(resource["path"].as_str().unwrap())).unwrap();
            let hash = HEXLOWER.encode(&Sha256::digest(&bytes));
            assert_eq!(resource["hash"].as_str().unwrap().trim_start_matches("sha256:"), hash, "{when}: {resource}");
        }
    }
}

/// Whom a mail reached under which id.
type Letter = (String, String);

fn letters(arrived: Vec<Arrived>) -> Vec<Letter> {
    let letter = |mail: Arrived| (mail.header("Message-ID").unwrap_or_default(), mail.to);
    arrived.into_iter().map(letter).collect()
}

/// Whom which mail has reached, as a store says; of none it is nobody.
fn sent_mail(store: &Path) -> BTreeSet<Letter> {
    if Store::open_read_only(store).is_err() {
        return BTreeSet::new();
    }
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(LIST_SENT_MAIL).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).map(|(id, to)| (format!("<{}>", id.trim_matches(['<', '>'])), to)).collect()
}

/// What one process has sent, in order.
struct Life {
    sent: Vec<Letter>,
    /// What the store called sent when it was over.
    recorded: BTreeSet<Letter>,
}

impl Life {
    fn of(site: &Site, mail: &MailServer) -> Self {
        Self { sent: letters(mail.take_in_order()), recorded: sent_mail(&site.store()) }
    }
}

/// Fails when the lives of a service sent a mail twice, unless the word that it had arrived was cut off: in each life that may
/// be the last one that it sent, and that one only if the store does not call it sent. Returns what was sent.
fn assert_sent_once(lives: &[Life]) -> BTreeSet<Letter> {
    let (mut settled, mut open) = (BTreeSet::new(), BTreeSet::new());
    for (number, Life { sent, recorded }) in lives.iter().enumerate() {
        for (place, letter) in sent.iter().enumerate() {
            assert!(!settled.contains(letter), "life {number} repeats what was acknowledged before: {letter:?}");
            if place + 1 < sent.len() {
                open.remove(letter);
                settled.insert(letter.clone());
            } else {
                open.insert(letter.clone());
            }
        }
        for letter in recorded {
            assert!(open.remove(letter) || settled.contains(letter), "{letter:?} is called sent, and never arrived");
            settled.insert(letter.clone());
        }
    }
    settled.extend(open);
    settled
}
