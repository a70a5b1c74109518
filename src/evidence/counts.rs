//! Day counts, packed. A history holds millions of them, and each is a few small numbers: about ten bytes, where a
//! [`DayCount`] takes 48. They are unpacked one after the other, track by track.
//!
//! A track's counts stand one behind the other, each as variable-length numbers (seven bits a byte, the lowest first; signed
//! ones with the sign in the lowest bit): the days since the count before it, the verdict's number, the uses, the first
//! instant from the start of the day, the last from the first, and the hours that these two do not tell. The store keeps
//! [`Segment`]s of the past in the same way, with its own numbers of verdicts.

use std::sync::Arc;

use super::{Day, DayCount, Verdict, time::hour_bit};

/// Adds to a count. What others hand over may be more than any number holds, and is as many then as one can.
pub fn add(to: &mut u64, count: u64) {
    *to = to.saturating_add(count);
}

/// As [`add()`], of many.
pub fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// The day counts of a history, by track. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sorted, each once.
    verdicts: Arc<[Verdict]>,
    tracks: Vec<Packed>,
}

/// One track's counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Packed(Option<Arc<[u8]>>);

impl Counts {
    /// The counts of a track, by day, then verdict; none for one that is not known.
    pub fn of(&self, track: usize) -> TrackCounts<'_> {
        let rest = self.tracks.get(track).and_then(|packed| packed.0.as_deref()).unwrap_or_default();
        let track = u32::try_from(track).unwrap_or(u32::MAX);
        TrackCounts { track, day: Day(0), rest, verdicts: &self.verdicts }
    }

    /// All verdicts that are met, and perhaps others, sorted.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// All counts, by track, then day, then verdict.
    pub fn iter(&self) -> impl Iterator<Item = DayCount> + '_ {
        (0..self.tracks.len()).flat_map(|track| self.of(track))
    }

    pub fn is_empty(&self) -> bool {
        self.tracks.iter().all(|packed| packed.0.is_none())
    }

    /// Gives some of a track's counts to other tracks, new ones among them; `owner` names the track of each.
    pub fn hand_over(&mut self, track: usize, owner: impl Fn(&DayCount) -> usize) {
        let mut packer = Packer { verdicts: Arc::clone(&self.verdicts), tracks: Vec::new() };
        for count in self.of(track) {
            let verdict = self.verdicts.partition_point(|known| *known < count.verdict);
            packer.add(owner(&count), &count, verdict);
        }
        self.tracks[track] = Packed::default();
        self.tracks.resize(self.tracks.len().max(packer.tracks.len()), Packed::default());
        for (kept, packed) in self.tracks.iter_mut().zip(packer.finish().tracks) {
            if packed.0.is_some() {
                *kept = packed;
            }
        }
    }
}

impl From<Vec<DayCount>> for Counts {
    fn from(mut counts: Vec<DayCount>) -> Self {
        counts.sort_unstable_by_key(|count| (count.track, count.day, count.verdict));
        let mut packer = Packer::new(counts.iter().map(|count| count.verdict).collect());
        for count in &counts {
            let verdict = packer.verdicts.partition_point(|known| *known < count.verdict);
            packer.add(count.track as usize, count, verdict);
        }
        packer.finish()
    }
}

/// Packs counts that come in any order of tracks, but each track's by day, then verdict.
pub struct Packer {
    verdicts: Arc<[Verdict]>,
    tracks: Vec<Segment>,
}

impl Packer {
    /// `verdicts` are those that will be met; their numbers are their places once they are sorted.
    pub fn new(mut verdicts: Vec<Verdict>) -> Self {
        verdicts.sort_unstable();
        verdicts.dedup();
        Self { verdicts: verdicts.into(), tracks: Vec::new() }
    }

    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Adds a count to a track, whatever track it names. `verdict` is the number of its verdict.
    pub fn add(&mut self, track: usize, count: &DayCount, verdict: usize) {
        if track >= self.tracks.len() {
            self.tracks.resize_with(track + 1, Segment::default);
        }
        self.tracks[track].add(&Numbered::of(count, verdict as u64));
    }

    /// All of a track has come: what was set aside for more is given back.
    pub fn end(&mut self, track: usize) {
        if let Some(segment) = self.tracks.get_mut(track) {
            segment.bytes.shrink_to_fit();
        }
    }

    pub fn finish(self) -> Counts {
        let pack = |Segment { bytes, .. }| Packed((!bytes.is_empty()).then(|| bytes.into()));
        Counts { verdicts: self.verdicts, tracks: self.tracks.into_iter().map(pack).collect() }
    }
}

/// A count as it is packed: its verdict is a number of whoever packs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub day: Day,
    pub verdict: u64,
    pub uses: u64,
    pub first_ms: i64,
    pub last_ms: i64,
    pub hours: u32,
}

impl Numbered {
    pub fn of(count: &DayCount, verdict: u64) -> Self {
        let DayCount { day, uses, first_ms, last_ms, hours, .. } = *count;
        Self { day, verdict, uses, first_ms, last_ms, hours }
    }

    /// The count of a track, with what the number of its verdict stands for.
    pub fn with(self, track: u32, verdict: Verdict) -> DayCount {
        let Self { day, uses, first_ms, last_ms, hours, .. } = self;
        DayCount { track, day, verdict, uses, first_ms, last_ms, hours }
    }
}

/// Counts of one track, by day, then verdict.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    last: Day,
    bytes: Vec<u8>,
}

impl Segment {
    pub fn add(&mut self, count: &Numbered) {
        let bytes = &mut self.bytes;
        let own_hours = hour_bit(count.first_ms) | hour_bit(count.last_ms);
        put_signed(bytes, i64::from(count.day.0) - i64::from(self.last.0));
        put(bytes, count.verdict);
        put(bytes, count.uses);
        put_signed(bytes, count.first_ms.wrapping_sub(count.day.start_ms()));
        put_signed(bytes, count.last_ms.wrapping_sub(count.first_ms));
        put(bytes, u64::from(count.hours ^ own_hours));
        self.last = count.day;
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The counts of a segment that was kept as bytes; none at the end of what is no whole count.
    pub fn read(bytes: &[u8]) -> impl Iterator<Item = Option<Numbered>> {
        let (mut rest, mut day) = (bytes, Day::default());
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let count = take_count(&mut rest, day);
            match count {
                Some(count) => day = count.day,
                None => rest = &[],
            }
            Some(count)
        })
    }
}

/// Unpacks the counts of one track.
#[derive(Clone, Debug)]
pub struct TrackCounts<'a> {
    track: u32,
    day: Day,
    rest: &'a [u8],
    verdicts: &'a [Verdict],
}

impl TrackCounts<'_> {
    /// The day of the next count, which is not taken.
    pub fn next_day(&self) -> Option<Day> {
        let mut rest = self.rest;
        take_day(&mut rest, self.day)
    }
}

impl Iterator for TrackCounts<'_> {
    type Item = DayCount;

    /// Only whole counts are ever packed.
    fn next(&mut self) -> Option<DayCount> {
        let count = take_count(&mut self.rest, self.day)?;
        self.day = count.day;
        Some(count.with(self.track, *self.verdicts.get(usize::try_from(count.verdict).ok()?)?))
    }
}

/// The next count after one of a day.
fn take_count(rest: &mut &[u8], last: Day) -> Option<Numbered> {
    let day = take_day(rest, last)?;
    let (verdict, uses) = (take(rest)?, take(rest)?);
    let first_ms = day.start_ms().wrapping_add(take_signed(rest)?);
    let last_ms = first_ms.wrapping_add(take_signed(rest)?);
    let hours = u32::try_from(take(rest)?).ok()? ^ (hour_bit(first_ms) | hour_bit(last_ms));
    Some(Numbered { day, verdict, uses, first_ms, last_ms, hours })
}

fn take_day(rest: &mut &[u8], last: Day) -> Option<Day> {
    let days = take_signed(rest)?;
    i32::try_from(i64::from(last.0) + days).ok().map(Day)
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, others) = rest.split_first()?;
        *rest = others;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 || shift >= 63 {
            return Some(number);
        }
        shift += 7;
    }
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take(rest)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Credential, Grade, Outcome, time::MS_PER_DAY};

    fn count(track: u32, day: i32, grade: Grade, span_ms: i64) -> DayCount {
        let verdict = Verdict { rule: 7, ..Verdict::of(Credential::AppPassword, grade, Outcome::Accepted) };
        let first_ms = Day(day).start_ms() + 5_000;
        let last_ms = first_ms + span_ms;
        let hours = hour_bit(first_ms) | hour_bit(last_ms);
        DayCount { track, day: Day(day), verdict, uses: 1, first_ms, last_ms, hours }
    }

    #[test]
    fn what_is_packed_comes_back_by_track_day_and_verdict() {
        let odd = DayCount { uses: u64::MAX, first_ms: i64::MIN, last_ms: i64::MAX, hours: 0, ..count(0, -9, Grade::Weak, 0) };
        let upstream = DayCount { hours: 1, ..count(2, 20_001, Grade::Weak, MS_PER_DAY - 6_000) };
        let busy = DayCount { hours: 0x00ff_ffff, uses: 300, ..count(2, 20_001, Grade::Proven, 7_200_000) };
        let sorted = vec![odd, count(0, 20_000, Grade::Weak, 0), upstream, busy, count(2, 20_500, Grade::Weak, 1)];
        let packed = Counts::from(sorted.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(packed.iter().collect::<Vec<_>>(), sorted);
        assert_eq!(packed.of(2).collect::<Vec<_>>(), sorted[2..]);
        assert_eq!((packed.of(1).count(), packed.of(3).count(), packed.of(2).next_day()), (0, 0, Some(Day(20_001))));
        assert!(!packed.is_empty() && Counts::default().is_empty());
    }

    #[test]
    fn a_segment_that_is_cut_is_told_from_a_whole_one() {
        let counts = [count(3, 20_000, Grade::Weak, 0), count(3, 20_007, Grade::Weak, 7_200_000)];
        let counts = counts.map(|count| Numbered::of(&count, 41));
        let mut segment = Segment::default();
        for count in &counts {
            segment.add(count);
        }
        let (bytes, [first, second]) = (segment.as_bytes(), counts.map(Some));
        let read = |bytes: &[u8]| Segment::read(bytes).collect::<Vec<_>>();
        assert_eq!(read(bytes), [first, second]);
        assert_eq!(read(&bytes[..bytes.len() - 1]), [first, None]);
        assert_eq!(read(&[0x80]), [None]);
        assert_eq!(read(&[]), []);
    }

    #[test]
    fn a_use_a_day_takes_nine_bytes() {
        let packed = Counts::from((20_000..20_100).map(|day| count(0, day, Grade::Weak, 0)).collect::<Vec<_>>());
        let bytes = packed.tracks[0].0.as_deref().map_or(0, <[u8]>::len);
        assert!(bytes <= 100 * 9 + 2, "{bytes}");
    }

    #[test]
    fn counts_are_handed_over_to_other_tracks() {
        let own: Vec<_> = (0..6).map(|day| count(1, day, Grade::Weak, 0)).collect();
        let mut counts = Counts::from(own);
        counts.hand_over(1, |count| if count.day.0 % 2 == 0 { 3 } else { 1 });
        let days = |track: usize| counts.of(track).map(|count| (count.track, count.day.0)).collect::<Vec<_>>();
        assert_eq!((days(1), days(3)), (vec![(1, 1), (1, 3), (1, 5)], vec![(3, 0), (3, 2), (3, 4)]));
    }
}
