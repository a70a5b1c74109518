//! What was read, kept: the sightings of one page or file batch, projected, encoded column by column and compressed.
//!
//! Layout: one version byte, the length of the columns as a varint, then the columns, compressed. The columns are a
//! dictionary of all texts in order of first use, the times as differences, and one column a field: a flag byte that says
//! whether any item has the field, then one number an item. Texts are positions in the dictionary, 0 where there is none.
//! Numbers are LEB128 varints, signed ones in zigzag.

use std::{borrow::Cow, collections::HashMap, net::IpAddr};

use foldhash::fast::RandomState;

use super::{Sighting, sighting::Text};

/// One encoded batch of sightings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub items: u32,
    pub first_ms: i64,
    pub last_ms: i64,
    /// Compressed columns; [`decode`] reads them back.
    pub bytes: Vec<u8>,
}

/// The ordinal of an item that belongs to no track: it signed nobody in.
pub const NO_TRACK: u32 = u32::MAX;

const VERSION: u8 = 1;

/// The fastest of zstd's usual levels: the columns have already said what repeats, so higher ones find little more.
const LEVEL: i32 = 1;

/// A block of 16,384 lines encodes to a few megabytes; more than this is no chunk of ours.
const MAX_COLUMNS_BYTES: usize = 64 << 20;

/// An item has at least this many bytes of columns (time and ordinal), which bounds what a count may promise.
const MIN_ITEM_BYTES: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("the chunk has version {0}, this program reads {VERSION}")]
    Version(u8),
    #[error("the chunk would decompress to {0} bytes, more than {MAX_COLUMNS_BYTES}")]
    TooLarge(u64),
    #[error("the chunk is damaged")]
    Damaged,
}

/// Declares the text columns. Their order and number are part of the version.
macro_rules! text_columns {
    ($($field:ident),+ $(,)?) => {
        const TEXTS: usize = [$(stringify!($field)),+].len();

        fn texts<'s, 'a>(sighting: &'s Sighting<'a>) -> [&'s Text<'a>; TEXTS] {
            [$(&sighting.$field),+]
        }

        fn texts_mut<'s, 'a>(sighting: &'s mut Sighting<'a>) -> [&'s mut Text<'a>; TEXTS] {
            [$(&mut sighting.$field),+]
        }
    };
}

text_columns!(
    event_id,
    workspace,
    repository,
    username,
    email,
    account_id,
    display_name,
    user_agent,
    scheme,
    secret_prefix,
    secret_id,
    auth_type,
    token_id,
    token_label,
    job,
    host,
    method,
    path,
    message,
    action,
);

/// Encodes sightings, each with the ordinal of its track (or [`NO_TRACK`]).
pub fn encode(sightings: &[Sighting<'_>], ordinals: &[u32]) -> Chunk {
    debug_assert_eq!(sightings.len(), ordinals.len(), "every item has an ordinal");
    let (dictionary, positions) = intern(sightings);
    let mut out = Vec::with_capacity(sightings.len() * 16 + 4_096);
    put(&mut out, sightings.len() as u64);
    put(&mut out, dictionary.len() as u64);
    for text in &dictionary {
        put(&mut out, text.len() as u64);
    }
    for text in &dictionary {
        out.extend_from_slice(text.as_bytes());
    }
    let mut previous = 0;
    for sighting in sightings {
        put(&mut out, zigzag(sighting.time_ms.wrapping_sub(previous)));
        previous = sighting.time_ms;
    }
    for ordinal in ordinals {
        put(&mut out, u64::from(ordinal.wrapping_add(1)));
    }
    for column in &positions {
        put_column(&mut out, column.iter().map(|position| u64::from(*position)));
    }
    put_column(&mut out, sightings.iter().map(|s| s.status.map_or(0, u64::from)));
    put_column(&mut out, sightings.iter().map(|s| u64::from(s.uses) ^ 1));
    put_column(
        &mut out,
        sightings.iter().map(|s| s.until_ms.map_or(0, |until| zigzag(until.wrapping_sub(s.time_ms)).wrapping_add(1))),
    );
    put_column(&mut out, sightings.iter().map(|s| u64::from(!s.authentication)));
    put_addresses(&mut out, sightings);
    Chunk {
        items: u32::try_from(sightings.len()).unwrap_or(u32::MAX),
        first_ms: sightings.iter().map(|s| s.time_ms).min().unwrap_or(0),
        last_ms: sightings.iter().map(|s| s.until_ms.unwrap_or(s.time_ms)).max().unwrap_or(0),
        bytes: compress(&out),
    }
}

/// By column.
type Positions = [Vec<u32>; TEXTS];

/// Every text once, and where each item's texts stand (from 1). Neighbours share most of theirs, so the item before is
/// asked first.
fn intern<'s>(sightings: &'s [Sighting<'_>]) -> (Vec<&'s str>, Positions) {
    let mut dictionary: Vec<&str> = Vec::new();
    let mut known: HashMap<&str, u32, RandomState> = HashMap::default();
    let mut positions: Positions = std::array::from_fn(|_| Vec::with_capacity(sightings.len()));
    for sighting in sightings {
        for (column, text) in positions.iter_mut().zip(texts(sighting)) {
            let before = column.last().copied().unwrap_or(0);
            column.push(match (text.as_deref(), before.checked_sub(1)) {
                (None, _) => 0,
                (Some(text), Some(index)) if dictionary[index as usize] == text => before,
                (Some(text), _) => *known.entry(text).or_insert_with(|| {
                    dictionary.push(text);
                    u32::try_from(dictionary.len()).expect("a chunk has fewer texts than u32 counts")
                }),
            });
        }
    }
    (dictionary, positions)
}

fn put_column(out: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone) {
    let any = values.clone().any(|value| value != 0);
    out.push(u8::from(any));
    if any {
        values.for_each(|value| put(out, value));
    }
}

/// Addresses: a length of 0, 4 or 16 an item, then all bytes.
fn put_addresses(out: &mut Vec<u8>, sightings: &[Sighting<'_>]) {
    put_column(out, sightings.iter().map(|s| s.client_ip.map_or(0, |ip| if ip.is_ipv4() { 4 } else { 16 })));
    for ip in sightings.iter().filter_map(|s| s.client_ip) {
        match ip {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
    }
}

fn compress(columns: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put(&mut bytes, columns.len() as u64);
    bytes.extend(zstd::bulk::compress(columns, LEVEL).expect("compression from memory to memory only fails on wrong levels"));
    bytes
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[expect(clippy::cast_sign_loss, reason = "zigzag maps signed to unsigned bit by bit")]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Reads a chunk back: the sightings with the ordinals of their tracks.
///
/// # Errors
/// If it was written by a later version, is larger than any chunk, or is not what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<Vec<(Sighting<'static>, u32)>, ChunkError> {
    with_decoded(bytes, |kept| kept.iter().map(|(sighting, ordinal)| (sighting.clone().into_owned(), *ordinal)).collect())
}

/// As [`decode`], for those who only look: the sightings borrow their texts.
pub fn with_decoded<T>(bytes: &[u8], look: impl FnOnce(&[(Sighting<'_>, u32)]) -> T) -> Result<T, ChunkError> {
    Ok(look(&read(&decompress(bytes)?)?))
}

/// Reads a chunk back and encodes what `keep` leaves of it, which it may change. None when nothing is left.
///
/// # Errors
/// As [`decode`].
pub fn rewritten(bytes: &[u8], mut keep: impl FnMut(&mut Sighting<'static>) -> bool) -> Result<Option<Chunk>, ChunkError> {
    let left =
        decode(bytes)?.into_iter().filter_map(|(mut sighting, ordinal)| keep(&mut sighting).then_some((sighting, ordinal)));
    let (sightings, ordinals): (Vec<_>, Vec<_>) = left.unzip();
    Ok((!sightings.is_empty()).then(|| encode(&sightings, &ordinals)))
}

fn read(columns: &[u8]) -> Result<Vec<(Sighting<'_>, u32)>, ChunkError> {
    let mut reader = Reader(columns);
    let items = reader.count()?;
    if items.saturating_mul(MIN_ITEM_BYTES) > columns.len() {
        return Err(ChunkError::Damaged);
    }
    let dictionary = reader.dictionary()?;
    let mut sightings: Vec<Sighting<'_>> = vec![Sighting::default(); items];
    let mut previous = 0_i64;
    for sighting in &mut sightings {
        previous = previous.wrapping_add(unzigzag(reader.number()?));
        sighting.time_ms = previous;
    }
    let ordinals = (0..items).map(|_| Ok(reader.small()?.wrapping_sub(1))).collect::<Result<Vec<u32>, ChunkError>>()?;
    for column in 0..TEXTS {
        for (sighting, position) in sightings.iter_mut().zip(reader.column(items)?) {
            *texts_mut(sighting)[column] = text_at(&dictionary, position)?;
        }
    }
    reader.rest(&mut sightings)?;
    Ok(sightings.into_iter().zip(ordinals).collect())
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ChunkError> {
    let (version, rest) = bytes.split_first().ok_or(ChunkError::Damaged)?;
    if *version != VERSION {
        return Err(ChunkError::Version(*version));
    }
    let mut reader = Reader(rest);
    let length = reader.number()?;
    let length = usize::try_from(length).ok().filter(|n| *n <= MAX_COLUMNS_BYTES).ok_or(ChunkError::TooLarge(length))?;
    let columns = zstd::bulk::decompress(reader.0, length).map_err(|_| ChunkError::Damaged)?;
    if columns.len() == length { Ok(columns) } else { Err(ChunkError::Damaged) }
}

fn text_at<'a>(dictionary: &[&'a str], position: u64) -> Result<Text<'a>, ChunkError> {
    let Some(index) = position.checked_sub(1) else { return Ok(None) };
    let text = usize::try_from(index).ok().and_then(|index| dictionary.get(index)).ok_or(ChunkError::Damaged)?;
    Ok(Some(Cow::Borrowed(*text)))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(ChunkError::Damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ChunkError::Damaged)
    }

    fn small(&mut self) -> Result<u32, ChunkError> {
        u32::try_from(self.number()?).map_err(|_| ChunkError::Damaged)
    }

    fn count(&mut self) -> Result<usize, ChunkError> {
        usize::try_from(self.number()?).map_err(|_| ChunkError::Damaged)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ChunkError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ChunkError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn dictionary(&mut self) -> Result<Vec<&'a str>, ChunkError> {
        let count = self.count()?;
        if count > self.0.len() {
            return Err(ChunkError::Damaged);
        }
        let lengths = (0..count).map(|_| self.count()).collect::<Result<Vec<_>, _>>()?;
        lengths.into_iter().map(|length| std::str::from_utf8(self.take(length)?).map_err(|_| ChunkError::Damaged)).collect()
    }

    /// One number an item, all zero where no item has the field.
    fn column(&mut self, items: usize) -> Result<Vec<u64>, ChunkError> {
        match self.take(1)? {
            [0] => Ok(vec![0; items]),
            _ => (0..items).map(|_| self.number()).collect(),
        }
    }

    fn rest(&mut self, sightings: &mut [Sighting<'_>]) -> Result<(), ChunkError> {
        let items = sightings.len();
        let (status, uses) = (self.column(items)?, self.column(items)?);
        let (until, silent, lengths) = (self.column(items)?, self.column(items)?, self.column(items)?);
        for (i, sighting) in sightings.iter_mut().enumerate() {
            sighting.status = u16::try_from(status[i]).ok().filter(|status| *status != 0);
            sighting.uses = u32::try_from(uses[i] ^ 1).map_err(|_| ChunkError::Damaged)?;
            sighting.until_ms = until[i].checked_sub(1).map(|after| sighting.time_ms.wrapping_add(unzigzag(after)));
            sighting.authentication = silent[i] == 0;
            sighting.client_ip = self.address(lengths[i])?;
        }
        Ok(())
    }

    fn address(&mut self, length: u64) -> Result<Option<IpAddr>, ChunkError> {
        let damaged = |_| ChunkError::Damaged;
        Ok(match length {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(self.take(4)?).map_err(damaged)?)),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(self.take(16)?).map_err(damaged)?)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(random: &mut fastrand::Rng) -> Text<'static> {
        let words = ["", "acme", "mtessel", "git/2.45.1", "ä\u{1F980}"];
        match random.usize(0..8) {
            0..3 => None,
            3 => Some(Cow::Owned((0..random.usize(0..300)).map(|_| random.char(..)).collect())),
            n => Some(Cow::Borrowed(words[n - 3])),
        }
    }

    fn sighting(random: &mut fastrand::Rng) -> Sighting<'static> {
        let mut made = Sighting {
            time_ms: if random.u8(..) == 0 { random.i64(..) } else { 1_783_058_832_000 + random.i64(-1_000_000..1_000_000) },
            client_ip: [
                None,
                Some(IpAddr::from(random.u32(..).to_be_bytes())),
                Some(IpAddr::from(random.u128(..).to_be_bytes())),
            ][random.usize(0..3)],
            status: random.bool().then(|| random.u16(100..600)),
            uses: if random.bool() { 1 } else { random.u32(..) },
            authentication: random.bool(),
            ..Sighting::default()
        };
        made.until_ms = (random.u8(..) < 64).then(|| made.time_ms.wrapping_add(random.i64(-5..86_400_000)));
        for slot in texts_mut(&mut made) {
            *slot = text(random);
        }
        made
    }

    #[test]
    fn what_was_encoded_is_read_back() {
        for seed in 0..60 {
            let mut random = fastrand::Rng::with_seed(seed);
            let sightings: Vec<_> = (0..random.usize(0..200)).map(|_| sighting(&mut random)).collect();
            let ordinals: Vec<_> = sightings.iter().map(|_| if random.bool() { NO_TRACK } else { random.u32(..) }).collect();
            let chunk = encode(&sightings, &ordinals);
            assert_eq!(chunk.items as usize, sightings.len());
            let expected: Vec<_> = sightings.into_iter().zip(ordinals).collect();
            assert_eq!(decode(&chunk.bytes).expect("our own chunk"), expected, "seed {seed}");
        }
    }

    #[test]
    fn an_audit_event_is_kept_in_180_bytes_and_a_log_line_in_60() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut size = |audit: bool| {
            let sightings: Vec<_> = (0..5_000).map(|_| realistic(&mut random, audit)).collect();
            encode(&sightings, &vec![0; sightings.len()]).bytes.len() / sightings.len()
        };
        let (audit, log) = (size(true), size(false));
        assert!(audit <= 180 && log <= 60, "{audit} {log}");
    }

    fn realistic(random: &mut fastrand::Rng, audit: bool) -> Sighting<'static> {
        let (user, repository) = (random.u32(0..300), random.u32(0..500));
        let mut made = Sighting {
            time_ms: 1_783_058_832_000 + random.i64(0..86_400_000),
            username: Some(format!("user{user}").into()),
            repository: Some(format!("service-{repository}").into()),
            client_ip: Some(IpAddr::from([198, 51, 100, random.u8(..)])),
            uses: 1,
            authentication: true,
            ..Sighting::default()
        };
        if audit {
            made.event_id = Some(format!("{:032x}", random.u128(..)).into());
            made.account_id = Some(format!("712020:11111111-2222-3333-4444-{user:012}").into());
            made.token_id = Some(format!("{user:016x}").into());
            made.message = Some(format!("user{user} pushed to service-{repository}").into());
        } else {
            made.path = Some(format!("/acme/service-{repository}.git/info/refs?service=git-upload-pack").into());
            made.status = Some([200, 401, 410][random.usize(0..3)]);
        }
        made
    }

    #[test]
    fn damage_is_an_error_and_never_more_than_that() {
        let mut random = fastrand::Rng::with_seed(7);
        let sightings: Vec<_> = (0..50).map(|_| sighting(&mut random)).collect();
        let chunk = encode(&sightings, &[3; 50]);
        assert_eq!(decode(&[]), Err(ChunkError::Damaged));
        assert_eq!(decode(&[9, 1, 2]), Err(ChunkError::Version(9)));
        assert_eq!(decode(&[VERSION, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(ChunkError::TooLarge(0xffff_ffff)));
        for cut in 0..chunk.bytes.len() {
            assert!(decode(&chunk.bytes[..cut]).is_err());
        }
        for _ in 0..2_000 {
            let columns: Vec<u8> = (0..random.usize(0..64)).map(|_| random.u8(..)).collect();
            drop(decode(&compress(&columns)));
        }
    }
}
