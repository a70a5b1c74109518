//! Plain and compressed files, read alike.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

/// The largest zstd window, as a power of two: 64 MiB bounds the memory of one file; only `--long` and `--ultra` exceed it.
const MAX_WINDOW_LOG: u32 = 26;

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
        let file = File::open(path)?;
        Ok(match self {
            Self::None => Input::Plain(file),
            Self::Gzip => Input::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file)))),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::new(file)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Input::Zstd(Box::new(decoder))
            }
        })
    }
}

pub(super) enum Input {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<File>>>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Zstd(input) => input.read(buffer),
        }
    }
}
