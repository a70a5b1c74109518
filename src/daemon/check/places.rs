//! What this machine can tell: secrets, their expiry, the store, its disk, the directory of the packages.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use jiff::Timestamp;

use super::{Finding, State, days_until};
use crate::{
    daemon::Options,
    deliver::files,
    evidence::{CoverageState, time::MS_PER_DAY},
    report::OwnCredential,
    source::shown,
    store::{OpenError, Reader, Store, StoreError},
};

/// A credential that ends within this time is worth a line, as in the digest.
const EXPIRES_SOON_DAYS: i32 = 30;

/// The disk should hold what the store grows in this time.
const GROWTH_DAYS: u64 = 90;

/// Room that a store wants whatever it grows: its write-ahead log alone takes up to 64 MiB.
const LEAST_ROOM_BYTES: u64 = 256 << 20;

/// The bits of a file's mode by which people outside its owner and group may read it.
const READ_BY_OTHERS: u32 = 0o004;

/// Every secret could be read, or the configuration were refused: what is left is who else can read it.
pub(super) fn secrets(options: &Options) -> Vec<Finding> {
    let finding = |secret: &crate::daemon::options::SecretReference| match &secret.file {
        None => Finding::new(State::Ok, "secret", &secret.key, "set in the environment"),
        Some(path) => {
            let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o7777);
            let path = shown(path);
            match mode {
                Ok(mode) if mode & READ_BY_OTHERS != 0 => {
                    let found = format!("{path} can be read by everybody on this machine (mode {mode:04o})");
                    Finding::new(State::Warning, "secret", &secret.key, found).advising(format!("chmod o-rwx {path}"))
                }
                Ok(mode) => Finding::new(State::Ok, "secret", &secret.key, format!("{path} (mode {mode:04o})")),
                Err(error) => Finding::new(State::Wrong, "secret", &secret.key, format!("{path}: {error}"))
                    .advising("put the secret back, readable to the user that the service runs as"),
            }
        }
    };
    options.secrets.iter().map(finding).collect()
}

pub(super) fn expiries(options: &Options, now: Timestamp) -> Vec<Finding> {
    options.own_credentials.iter().map(|credential| expiry(credential, now)).collect()
}

fn expiry(credential: &OwnCredential, now: Timestamp) -> Finding {
    let OwnCredential { name, expires, .. } = credential;
    let Some(date) = expires else {
        let found = "not known when it ends";
        return Finding::new(State::Ok, "expiry", name, found).advising(format!("write {name}_expires, and be warned ahead"));
    };
    let days = days_until(*date, now);
    let (state, found) = match days {
        ..0 => (State::Wrong, format!("ended on {date}")),
        0..=EXPIRES_SOON_DAYS => (State::Warning, format!("ends on {date}, in {days} days")),
        _ => return Finding::new(State::Ok, "expiry", name, format!("ends on {date}, in {days} days")),
    };
    Finding::new(state, "expiry", name, found).advising("make a new one, replace the secret, and write its date")
}

pub(super) async fn store(options: &Options, now: Timestamp) -> Vec<Finding> {
    let path = &options.store;
    let (finding, daily) = match Store::open_read_only(path) {
        Ok(store) => match store.read(move |r| growth(r, now)).await {
            Ok((bytes, daily)) => {
                let found = format!("{} opens, {}", shown(path), size(bytes));
                (writable(path, Finding::new(State::Ok, "store", "store.path", found)), daily)
            }
            Err(error) => (wrong(format!("{}: {error}", shown(path))), 0),
        },
        Err(OpenError::Missing { .. }) => (to_be_made(path), 0),
        Err(error @ OpenError::Older { .. }) => {
            (Finding::new(State::Ok, "store", "store.path", error.to_string()).advising("make a backup before the next start"), 0)
        }
        Err(error) => (wrong(error.to_string()), 0),
    };
    vec![finding, disk(path, daily)]
}

fn wrong(found: String) -> Finding {
    Finding::new(State::Wrong, "store", "store.path", found)
        .advising("check the path and the rights on it, or restore a backup (see the manual)")
}

/// The size of the store, and what it grew on each day that it covers.
fn growth(r: &Reader, now: Timestamp) -> Result<(u64, u64), StoreError> {
    let bytes = r.store_size_bytes()?;
    let ledger = r.ledger()?;
    let covered = ledger.sources.values().flatten().filter(|c| c.state == CoverageState::Covered);
    let days = covered.map(|c| c.from_ms).min().map_or(0, |from_ms| (now.as_millisecond() - from_ms) / MS_PER_DAY);
    let daily = u64::try_from(days).ok().filter(|days| *days > 0).map_or(0, |days| bytes / days);
    Ok((bytes, daily))
}

fn writable(path: &Path, finding: Finding) -> Finding {
    match fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => finding,
        Err(error) => wrong(format!("{} cannot be written: {error}", shown(path))),
    }
}

fn to_be_made(path: &Path) -> Finding {
    match files::check_directory(files::parent_of(path)) {
        Ok(()) => Finding::new(State::Ok, "store", "store.path", format!("{} is not there yet and can be made", shown(path))),
        Err(error) => wrong(format!("{} cannot be made: {error:#}", shown(path))),
    }
}

fn disk(store: &Path, daily: u64) -> Finding {
    let directory = files::nearest_directory(files::parent_of(store));
    let free = match files::free_bytes(directory) {
        Ok(free) => free,
        Err(error) => {
            return Finding::new(State::Warning, "disk", shown(directory), format!("its free space is not known: {error}"));
        }
    };
    let wanted = (daily * GROWTH_DAYS).max(LEAST_ROOM_BYTES);
    let found = match daily {
        0 => format!("{} free", size(free)),
        _ => format!("{} free; the store grows by about {} a day", size(free), size(daily)),
    };
    if free >= wanted {
        return Finding::new(State::Ok, "disk", shown(directory), found);
    }
    let advice = format!("make room: {} are wanted for {GROWTH_DAYS} days, or shorten [store] keep_raw", size(wanted));
    Finding::new(State::Warning, "disk", shown(directory), found).advising(advice)
}

pub(super) fn package_directory(directory: &Path) -> Finding {
    match files::check_directory(directory) {
        Ok(()) => Finding::new(State::Ok, "csv", "csv.directory", format!("{} can be written", shown(directory))),
        Err(error) => Finding::new(State::Wrong, "csv", "csv.directory", format!("{error:#}"))
            .advising("give the service's user the right to write there, or choose another directory"),
    }
}

/// Bytes with a unit that people read.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Credential;

    #[test]
    fn a_credential_that_ends_is_told_in_time() {
        let now = "2026-07-03T07:00:00Z".parse().expect("an instant");
        let told = |expires: Option<&str>| {
            let expires = expires.map(|date| date.parse().expect("a date"));
            let finding = expiry(&OwnCredential { name: "email.password".to_owned(), kind: Credential::ApiToken, expires }, now);
            (finding.state, finding.found, finding.advice.is_empty())
        };
        assert_eq!(told(Some("2026-07-02")), (State::Wrong, "ended on 2026-07-02".to_owned(), false));
        assert_eq!(told(Some("2026-07-03")), (State::Warning, "ends on 2026-07-03, in 0 days".to_owned(), false));
        assert_eq!(told(Some("2026-08-02")), (State::Warning, "ends on 2026-08-02, in 30 days".to_owned(), false));
        assert_eq!(told(Some("2027-05-01")), (State::Ok, "ends on 2027-05-01, in 302 days".to_owned(), true));
        assert_eq!(told(None), (State::Ok, "not known when it ends".to_owned(), false));
    }

    #[test]
    fn sizes_have_units() {
        let sizes = [512, 1_536, 5 << 20, (1 << 30) + (1 << 29)].map(size);
        assert_eq!(sizes, ["512 bytes", "1.5 KiB", "5.0 MiB", "1.5 GiB"]);
    }
}
