//! What was read, kept: the sightings of one page or file batch, projected, encoded column by column and compressed.

/// One encoded batch of sightings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub items: u32,
    pub first_ms: i64,
    pub last_ms: i64,
    /// Compressed columns; [`decode`] reads them back.
    pub bytes: Vec<u8>,
}
