//! What this machine can tell: secrets, their expiry, the store, its disk, the directory of the packages.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use jiff::Timestamp;

use super::{Finding, State, days_until};
use crate::{
    analysis::counted,
    daemon::{Options, options::Exchange},
    deliver::files,
    evidence::{exchange::source_name, loopback::is_loopback_address},
    report::{OwnCredential, size},
    source::shown,
    store::{Growth, OpenError, Reader, Store},
};

/// A credential that ends within this time is worth a line, as in the digest.
const EXPIRES_SOON_DAYS: i32 = 30;

/// The disk should hold what the store grows in this time.
const GROWTH_DAYS: u64 = 90;

/// Room that a store wants whatever it grows: its write-ahead log alone takes up to 64 MiB.
const LEAST_ROOM_BYTES: u64 = 256 << 20;
/// With less not even a small transaction comes through.
const FULL_BYTES: u64 = 1 << 20;

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

/// Whoever names recipients wants them to be written to.
pub(super) fn mail(options: &Options) -> Option<Finding> {
    let waiting = u64::try_from(options.waiting_for_mail).ok().filter(|waiting| *waiting > 0)?;
    let found = format!("{} for mail, and no mail server is configured", counted(waiting, "recipient waits", "recipients wait"));
    Some(Finding::new(State::Warning, "mail", "email.server", found).advising("set [email] server, or take the recipients out"))
}

/// What the reporter has to know of this instance. The key is a secret; its other half is none.
pub(super) fn instance(options: &Options) -> Option<Finding> {
    let instance = options.instance.as_ref()?;
    let public = instance.key.as_ref()?.public();
    let found = format!("its files are signed; the public key is {public}");
    let advice = format!("write where they are taken in: [[exchange]] name = \"{}\", public_key = \"{public}\"", instance.name);
    Some(Finding::new(State::Ok, "exchange", &instance.name, found).advising(advice))
}

/// Whose files are taken in, and when the newest was written. Without a store none ever came.
pub(super) async fn exchanges(options: &Options, now: Timestamp) -> Vec<Finding> {
    let states = match Store::open_read_only(&options.store) {
        Ok(store) if !options.exchanges.is_empty() => store.read(Reader::source_states).await.unwrap_or_default(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let finding = |other: &Exchange| {
        let name = source_name(&other.name, "");
        let newest = states.iter().find(|(known, _)| *known == name).and_then(|(_, state)| state.last_success);
        let found =
            newest.map_or("no file of it was taken in yet".to_owned(), |at| format!("its newest file was written at {at}"));
        let in_time = newest.is_some_and(|at| now.duration_since(at).unsigned_abs() <= other.late_after);
        let finding = Finding::new(if in_time { State::Ok } else { State::Warning }, "exchange", &other.name, found);
        if in_time { finding } else { finding.advising("look at its timer, at the way that files take, and at the import here") }
    };
    options.exchanges.iter().map(finding).collect()
}

pub(super) fn expiries(options: &Options, now: Timestamp) -> Vec<Finding> {
    options.own_credentials.iter().map(|credential| expiry(credential, now)).collect()
}

fn expiry(credential: &OwnCredential, now: Timestamp) -> Finding {
    let OwnCredential { name, expires, .. } = credential;
    let Some(date) = expires else {
        let found = "not known when it ends";
        let key = name.rsplit('.').next().unwrap_or(name);
        return Finding::new(State::Ok, "expiry", name, found)
            .advising(format!("write {key}_expires beside it, and be warned ahead"));
    };
    let days = days_until(*date, now);
    let left = counted(u64::try_from(days).unwrap_or(0), "day", "days");
    let (state, found) = match days {
        ..0 => (State::Wrong, format!("ended on {date}")),
        0..=EXPIRES_SOON_DAYS => (State::Warning, format!("ends on {date}, in {left}")),
        _ => return Finding::new(State::Ok, "expiry", name, format!("ends on {date}, in {left}")),
    };
    Finding::new(state, "expiry", name, found).advising("make a new one, replace the secret, and write its date")
}

pub(super) async fn store(options: &Options, now: Timestamp) -> Vec<Finding> {
    let (path, raw_days) = (&options.store, options.retention.kept_days());
    let (finding, daily) = match Store::open_read_only(path) {
        Ok(store) => match store.read(move |r| r.growth(now, raw_days)).await {
            Ok(Growth { used_bytes, bytes_a_day }) => {
                let found = format!("{} opens, {}", shown(path), size(used_bytes));
                (writable(path, Finding::new(State::Ok, "store", "store.path", found)), bytes_a_day.unwrap_or(0))
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

/// Whether what the page shows can be read on its way.
pub(super) fn page(options: &Options) -> Finding {
    let listen = options.http.listen;
    let here = is_loopback_address(listen.ip());
    match &options.http.access.tls {
        Some(_) => Finding::new(State::Ok, "http", "http.listen", format!("{listen}, by TLS")),
        None if here => Finding::new(State::Ok, "http", "http.listen", format!("{listen}, for this machine alone")),
        None => Finding::new(
            State::Warning,
            "http",
            "http.listen",
            format!("{listen} without TLS: tokens and names can be read on their way"),
        )
        .advising("set [http] tls, or listen on a loopback address behind a proxy that has it"),
    }
}

fn wrong(found: String) -> Finding {
    Finding::new(State::Wrong, "store", "store.path", found)
        .advising("check the path and the rights on it, or restore a backup (see the manual)")
}

fn writable(path: &Path, finding: Finding) -> Finding {
    match fs::OpenOptions::new().append(true).open(path) {
        Ok(_) => finding,
        Err(error) => wrong(format!("{} cannot be written: {error}", shown(path))),
    }
}

fn to_be_made(path: &Path) -> Finding {
    let directory = files::parent_of(path);
    if !directory.is_dir() {
        return Finding::new(State::Wrong, "store", "store.path", OpenError::Nowhere { path: path.to_owned() }.to_string())
            .advising("make the directory, for the service's user alone");
    }
    match files::check_directory(directory) {
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
    room(shown(directory), free, daily)
}

fn room(place: String, free: u64, daily: u64) -> Finding {
    let wanted = daily.saturating_mul(GROWTH_DAYS).max(LEAST_ROOM_BYTES);
    let found = match daily {
        0 => format!("{} free", size(free)),
        _ => format!("{} free; the store grows by about {} a day", size(free), size(daily)),
    };
    if free < FULL_BYTES {
        let found = format!("{found}: nothing can be recorded, and nothing pruned");
        return Finding::new(State::Wrong, "disk", place, found).advising(format!("make room: {} are wanted", size(wanted)));
    }
    if free >= wanted {
        return Finding::new(State::Ok, "disk", place, found);
    }
    let advice = format!("make room: {} are wanted for {GROWTH_DAYS} days, or shorten [store] keep_raw", size(wanted));
    Finding::new(State::Warning, "disk", place, found).advising(advice)
}

pub(super) fn package_directory(directory: &Path) -> Finding {
    match files::check_directory(directory) {
        Ok(()) => Finding::new(State::Ok, "csv", "csv.directory", format!("{} can be written", shown(directory))),
        Err(error) => Finding::new(State::Wrong, "csv", "csv.directory", format!("{error:#}"))
            .advising("make room, give the service's user the right to write there, or choose another directory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Credential;

    #[test]
    fn a_full_disk_is_no_warning() {
        let states = [0, 100 << 20, 10 << 30].map(|free| room("/var/lib".to_owned(), free, 1 << 20).state);
        assert_eq!(states, [State::Wrong, State::Warning, State::Ok]);
    }

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
        assert_eq!(told(Some("2026-07-04")), (State::Warning, "ends on 2026-07-04, in 1 day".to_owned(), false));
        assert_eq!(told(Some("2026-08-02")), (State::Warning, "ends on 2026-08-02, in 30 days".to_owned(), false));
        assert_eq!(told(Some("2027-05-01")), (State::Ok, "ends on 2027-05-01, in 302 days".to_owned(), true));
        assert_eq!(told(None), (State::Ok, "not known when it ends".to_owned(), false));
    }
}
