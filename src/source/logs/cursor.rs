//! What is remembered of one file, as the text of a stored cursor.

use crate::evidence::CursorUpdate;

/// Cursor keys are this and the file's fingerprint.
pub(super) const KEY_PREFIX: &str = "file:";

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
    pub path: String,
}

impl FileCursor {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(5, ' ');
        Some(Self {
            offset: fields.next()?.parse().ok()?,
            length: fields.next()?.parse().ok()?,
            modified_ms: fields.next()?.parse().ok()?,
            gone_since_ms: fields.next()?.parse().ok()?,
            path: fields.next()?.to_owned(),
        })
    }

    pub(super) fn update(&self, key: &str) -> CursorUpdate {
        let Self { offset, length, modified_ms, gone_since_ms, path } = self;
        let value = format!("{offset} {length} {modified_ms} {gone_since_ms} {path}");
        CursorUpdate { key: key.to_owned(), value: Some(value) }
    }
}
