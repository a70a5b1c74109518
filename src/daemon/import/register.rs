//! Registers by hand: a file replaces what a file of the same name said before, and the same content changes nothing.

use std::{
    io::{self, Read as _},
    path::Path,
};

use anyhow::{Context as _, anyhow};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::Imported;
use crate::{
    daemon::Engine,
    evidence::{
        Batch, CursorUpdate, DirectoryEntry, RegisteredCredential, Skipped,
        format::register::{self, MAX_REGISTER_BYTES, Register},
    },
    source::content,
    store::{SourceState, StoreError, Writer},
};

/// What a register lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterKind {
    /// Credentials that no API lists.
    Credentials,
    /// People and their teams.
    Directory,
}

impl RegisterKind {
    /// As `import --format` spells it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "register" => Some(Self::Credentials),
            "directory" => Some(Self::Directory),
            _ => None,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Credentials => "import/register",
            Self::Directory => "import/directory",
        }
    }
}

enum Rows {
    Credentials(Vec<RegisteredCredential>),
    Directory(Vec<DirectoryEntry>),
}

impl Rows {
    fn count(&self) -> u64 {
        let count = match self {
            Self::Credentials(rows) => rows.len(),
            Self::Directory(rows) => rows.len(),
        };
        count as u64
    }

    fn put(&self, writer: &mut Writer<'_>, register: &str) -> Result<(), StoreError> {
        match self {
            Self::Credentials(rows) => writer.put_registered(register, rows),
            Self::Directory(rows) => writer.put_directory(register, rows),
        }
    }
}

impl Engine {
    /// Imports one register; `-` is standard input.
    ///
    /// # Errors
    /// A file that cannot be read or has none of the columns that a row needs; a store that cannot be written.
    pub async fn import_register(&self, kind: RegisterKind, path: &Path, now: Timestamp) -> anyhow::Result<Imported> {
        let file = path.to_owned();
        let text = spawn_blocking(move || read(&file)).await?.context("reading")?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let (rows, skipped) = rows(kind, &text)?;
        let digest = HEXLOWER.encode(&Sha256::digest(&text)[..16]);
        let cursor = CursorUpdate { key: format!("register:{name}"), value: Some(digest) };
        let (source, key) = (kind.source(), cursor.key.clone());
        let known = self.store.read(move |r| r.cursors(source)).await?;
        // The same content under another name would be a second register of the same credentials.
        let is_new = known.iter().all(|(name, _)| *name != key);
        let repeated = known.into_iter().any(|(name, value)| (is_new || name == key) && Some(value) == cursor.value);
        let lines = rows.count() + skipped.iter().map(|skip| skip.count).sum::<u64>();
        if repeated {
            return Ok(Imported { read: lines, repeated: lines, ..Imported::default() });
        }
        let items = rows.count();
        let imported = Imported { read: lines, repeated: 0, items, skipped: skipped.clone() };
        let batch = Batch { source: source.to_owned(), items, skipped, cursors: vec![cursor], ..Batch::default() };
        let state = SourceState { last_success: Some(now), ..SourceState::default() };
        let write = move |w: &mut Writer<'_>| {
            rows.put(w, &name)?;
            w.record(&batch, now)?;
            w.note_source(source, &state)
        };
        self.store.write(write).await?;
        Ok(imported)
    }
}

fn rows(kind: RegisterKind, text: &str) -> anyhow::Result<(Rows, Vec<Skipped>)> {
    let read = match kind {
        RegisterKind::Credentials => {
            register::credentials(text).map(|Register { rows, skipped }| (Rows::Credentials(rows), skipped))
        }
        RegisterKind::Directory => register::directory(text).map(|Register { rows, skipped }| (Rows::Directory(rows), skipped)),
    };
    read.map_err(|words| anyhow!(words))
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    content(path)?.take(MAX_REGISTER_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_REGISTER_BYTES {
        return Err(io::Error::other(format!("a register has no more than {MAX_REGISTER_BYTES} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
