//! What is remembered of one file, as the text of a stored cursor.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{evidence::CursorUpdate, source::file::open_file};

/// Cursor keys are this and the file's fingerprint.
pub(super) const KEY_PREFIX: &str = "file:";

/// What of a file is compared to tell one that has grown from one that was written anew.
const ENDING_BYTES: u64 = 256;

/// How far a file was read, and what it looked like then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileCursor {
    /// Bytes read of the file's (decompressed) content.
    pub offset: u64,
    /// The file's length on disk when it was read to its end; 0 while it is not.
    pub length: u64,
    pub modified_ms: i64,
    /// Since when no file of this fingerprint was found; 0 while there is one.
    pub gone_since_ms: i64,
    /// A hash of the last bytes before `offset`; empty where a file that begins the same way is known to be the same.
    pub ending: String,
    pub path: String,
}

impl FileCursor {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(6, ' ');
        Some(Self {
            offset: fields.next()?.parse().ok()?,
            length: fields.next()?.parse().ok()?,
            modified_ms: fields.next()?.parse().ok()?,
            gone_since_ms: fields.next()?.parse().ok()?,
            ending: fields.next()?.to_owned(),
            path: fields.next()?.to_owned(),
        })
    }

    pub(super) fn update(&self, key: &str) -> CursorUpdate {
        let Self { offset, length, modified_ms, gone_since_ms, ending, path } = self;
        let value = format!("{offset} {length} {modified_ms} {gone_since_ms} {ending} {path}");
        CursorUpdate { key: key.to_owned(), value: Some(value) }
    }
}

/// The hash of the last bytes before an offset of a file that is not compressed.
pub(super) fn ending(path: &Path, offset: u64) -> io::Result<String> {
    let mut file = open_file(path)?;
    let from = offset.saturating_sub(ENDING_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(offset - from).read_to_end(&mut bytes)?;
    Ok(HEXLOWER.encode(&Sha256::digest(&bytes)[..8]))
}
