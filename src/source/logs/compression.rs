//! Plain and compressed files, read alike.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use crate::source::file::{open_file, written_bytes};

/// The largest zstd window, as a power of two: 64 MiB bounds the memory of one file; only `--long` and `--ultra` exceed it.
const MAX_WINDOW_LOG: u32 = 26;
/// Logs become ten to a hundred times as long, gzip at the most 1,032 times. A file that becomes so many times as long, and longer
/// than the next, is a trap: a few megabytes of zstd can stand for hours of reading.
const MAX_RATIO: u64 = 10_000;
const UNSUSPICIOUS_BYTES: u64 = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }

    pub(super) fn open(self, path: &Path) -> io::Result<Input> {
        self.unpack(open_file(path)?)
    }

    pub(super) fn unpack(self, mut file: File) -> io::Result<Input> {
        Ok(match self {
            Self::None => Input::Plain(file),
            Self::Gzip => Input::Packed(Unpacked::new(most_bytes(&mut file)?, MultiGzDecoder::new(BufReader::new(file)))),
            Self::Zstd => {
                let most = most_bytes(&mut file)?;
                let mut decoder = zstd::Decoder::new(file)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Input::Packed(Unpacked::new(most, decoder))
            }
        })
    }
}

pub(super) enum Input {
    Plain(File),
    Packed(Unpacked),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Packed(input) => input.read(buffer),
        }
    }
}

/// How much may come out of a packed file. How much will come through a pipe nobody knows; whoever names one stands beside it.
fn most_bytes(packed: &mut File) -> io::Result<u64> {
    if !packed.metadata()?.is_file() {
        return Ok(u64::MAX);
    }
    Ok(UNSUSPICIOUS_BYTES.max(written_bytes(packed)?.saturating_mul(MAX_RATIO)))
}

/// The content of a packed file, until it is longer than that of any log.
pub(super) struct Unpacked {
    decoder: Box<dyn Read + Send>,
    left: u64,
}

impl Unpacked {
    fn new(most: u64, decoder: impl Read + Send + 'static) -> Self {
        Self { decoder: Box::new(decoder), left: most }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.decoder.read(buffer)?;
        self.left = self
            .left
            .checked_sub(bytes as u64)
            .ok_or_else(|| io::Error::other(format!("it becomes more than {MAX_RATIO} times as long when it is unpacked")))?;
        Ok(bytes)
    }
}
