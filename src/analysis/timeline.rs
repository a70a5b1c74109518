//! Where an integration stands at the end of every day. One sweep over its days: each day costs a few comparisons,
//! because the gaps are kept sorted and covered days are counted by subtraction.

use super::bounds::{legacy_bit, replacement_bit};
use super::covered::CoveredDays;
use super::days::{Cell, add};
use super::rhythm::Rhythm;
use crate::evidence::{Campaign, Day, Grade, Outcome, Status, WindowKind, time::MS_PER_HOUR};

/// Silence retires an integration after this many covered days at the earliest, however often it used to run.
pub(super) const RETIRED_AFTER_DAYS: f64 = 30.0;

/// What a sweep needs to know beside the cells.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) campaign: &'a Campaign,
    /// Its place among the campaigns.
    pub(super) number: usize,
    /// It is the campaign whose windows the verdicts speak of ([`Campaign::calendar`]).
    pub(super) by_calendar: bool,
    pub(super) minimum_grade: Grade,
    pub(super) quiet_after_days: f64,
    /// The last day that is judged; it may not be over.
    pub(super) today: Day,
    /// The instant it is judged from, milliseconds since the epoch.
    pub(super) now_ms: i64,
}

impl Rules<'_> {
    pub(super) fn is_legacy(&self, cell: &Cell) -> bool {
        let predicate = &self.campaign.legacy;
        let there = !predicate.is_bound() || cell.marks & legacy_bit(self.number) != 0;
        there && predicate.takes(cell.credential) && predicate.counts(cell.outcome) && cell.grade >= self.minimum_grade
    }

    /// Replacement evidence is accepted use, where the campaign says nothing else.
    pub(super) fn is_replacement(&self, cell: &Cell) -> bool {
        self.presents_replacement(cell) && self.campaign.replacement.counts(cell.outcome)
    }

    /// Whatever the outcome was.
    pub(super) fn presents_replacement(&self, cell: &Cell) -> bool {
        let predicate = &self.campaign.replacement;
        let there = !predicate.is_bound() || cell.marks & replacement_bit(self.number) != 0;
        there && predicate.takes(cell.credential)
    }

    /// The newest instant outside the campaign's own windows. Verdicts know the windows of one campaign only; of another one
    /// that has some, the first and last instant of the cell tell, and an hour with a use that no window touches.
    pub(super) fn last_outside_ms(&self, cell: &Cell) -> Option<i64> {
        if self.by_calendar {
            return cell.last_outside_ms;
        }
        let outside = |ms: &i64| self.campaign.window_at(*ms) == WindowKind::Outside;
        let newest = Some(cell.last_ms).filter(outside);
        newest.or_else(|| self.hour_outside(cell)).or_else(|| Some(cell.first_ms).filter(outside))
    }

    /// The beginning of the newest hour with a use that lies outside the campaign's own windows, from its first to its last instant.
    fn hour_outside(&self, cell: &Cell) -> Option<i64> {
        let day_ms = Day::of_ms(cell.first_ms).start_ms();
        let mut hours = (0..24).rev().filter(|hour| cell.hours & 1 << hour != 0).map(|hour: i64| day_ms + hour * MS_PER_HOUR);
        hours.find(|ms| [*ms, *ms + MS_PER_HOUR - 1].map(|ms| self.campaign.window_at(ms)) == [WindowKind::Outside; 2])
    }

    /// How many of a cell's uses lie inside the campaign's own published and extrapolated windows; as above, of a campaign
    /// whose windows the verdicts do not know, all or none of them.
    pub(super) fn uses_inside(&self, cell: &Cell) -> (u64, u64) {
        if self.by_calendar {
            return (cell.uses_published, cell.uses_extrapolated);
        }
        match [cell.first_ms, cell.last_ms].map(|ms| self.campaign.window_at(ms)) {
            _ if self.hour_outside(cell).is_some() => (0, 0),
            [WindowKind::Published, WindowKind::Published] => (cell.uses, 0),
            [WindowKind::Extrapolated, WindowKind::Extrapolated] => (0, cell.uses),
            _ => (0, 0),
        }
    }

    /// Uses outside them; where sources disagree, those that none of them saw inside.
    pub(super) fn uses_outside(&self, cell: &Cell) -> u64 {
        let (published, extrapolated) = self.uses_inside(cell);
        cell.uses.saturating_sub(published.saturating_add(extrapolated))
    }

    /// Whether the campaign's removal lies before the end of a day, or before now on the day of now.
    fn removed_by(&self, day: Day) -> bool {
        self.campaign.removed_at(day.end_ms().min(self.now_ms) - 1)
    }
}

/// One integration's input to a sweep.
pub(super) struct Course<'a> {
    /// Sorted by day.
    pub(super) cells: &'a [Cell],
    /// Which days count as covered from which day on, since sources show it one after the other; sorted by day.
    pub(super) covered: &'a [(Day, &'a CoveredDays)],
    /// The days of an owner's word that it is gone.
    pub(super) closures: Vec<Day>,
    /// Places without a repository, by place number, have no horizon of their own.
    pub(super) is_repository: &'a [bool],
    /// It stands for many of whom nothing else is known: what one of them moved to says nothing of the others.
    pub(super) is_crowd: bool,
}

/// How an integration stood at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DayStanding {
    pub(super) day: Day,
    pub(super) status: Status,
    /// It was migrated or retired before, and is used with the legacy credential again.
    pub(super) returned: bool,
    /// The best grade of the legacy evidence within the integration's own horizon, else of all of it.
    pub(super) grade: Grade,
    /// Legacy uses of that day.
    pub(super) uses: u64,
    pub(super) rejected: u64,
}

/// How it stands on the last day.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) last: DayStanding,
    pub(super) period_days: Option<f64>,
    pub(super) horizon_days: f64,
    /// Covered days since the last legacy use.
    pub(super) silent_days: u32,
    /// How many more of them make legacy use count as over in every place.
    pub(super) days_to_silence: u32,
    /// The repository whose own, longer horizon alone keeps it in use.
    pub(super) kept_by: Option<KeptBy>,
    /// The day by which its owner declared it gone, if nothing has disproved that.
    pub(super) closed: Option<Day>,
    pub(super) passage: Passage,
}

/// A repository with a longer rhythm than the integration's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KeptBy {
    pub(super) place: u32,
    pub(super) last: Day,
    pub(super) period_days: f64,
    pub(super) horizon_days: f64,
}

/// How an integration came and went, as the forecast needs it.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    /// The first and last day of legacy use.
    pub(super) first: Day,
    pub(super) last: Day,
    /// The first and last day of accepted replacement use.
    pub(super) replaced: Option<(Day, Day)>,
    /// Covered days since the last legacy use.
    pub(super) silent_days: u32,
    /// Covered days from the last legacy use until it no longer counts as used, every repository considered.
    pub(super) lag_days: f64,
    /// Something else was seen of it after the last legacy use.
    pub(super) seen_since: bool,
    pub(super) rhythm: Rhythm,
    /// How many days it counted as migrated or retired, and on which it came back.
    pub(super) gone_days: u32,
    pub(super) returns: Vec<Day>,
}

/// Tells `each_day` how it stood, from the day of the first legacy use to today. None without legacy use.
pub(super) fn sweep(course: &Course<'_>, rules: &Rules<'_>, mut each_day: impl FnMut(&DayStanding)) -> Option<Standing> {
    let first = course.cells.iter().find(|cell| rules.is_legacy(cell))?.day;
    let mut progress = Progress::new(course, rules)?;
    let mut rest = course.cells;
    let mut covered = course.covered.iter().peekable();
    let (mut gone, mut returned) = (false, false);
    let (mut gone_days, mut returns) = (0, Vec::new());
    let mut last = None;
    let earlier = rest.partition_point(|cell| cell.day < first);
    progress.take(&rest[..earlier]);
    rest = &rest[earlier..];
    for day in (first.0..=rules.today.0).map(Day) {
        while let Some((_, days)) = covered.next_if(|(from, _)| *from <= day) {
            progress.look_through(days);
        }
        let (today, later) = rest.split_at(rest.iter().take_while(|cell| cell.day == day).count());
        rest = later;
        let (uses, rejected) = progress.take(today);
        let at = progress.at(day);
        let status = progress.status(at);
        let left = matches!(status, Status::Migrated | Status::Retired);
        if gone && !left && uses > 0 {
            returns.push(day);
        }
        gone_days += u32::from(left);
        returned = !left && (returned || (gone && uses > 0));
        gone = left || (gone && !returned);
        let standing = DayStanding { day, status, returned, grade: progress.grade(at), uses, rejected };
        each_day(&standing);
        last = Some(standing);
    }
    Some(progress.standing(last?, first, gone_days, returns))
}

/// What is remembered of the days so far.
struct Progress<'a> {
    rules: &'a Rules<'a>,
    course: &'a Course<'a>,
    covered: &'a CoveredDays,
    rhythm: Rhythm,
    horizon: f64,
    /// By place number, sorted.
    places: Vec<PlaceProgress>,
    /// The place whose own horizon ends last, and the count of covered days at which it does.
    lasting: Option<(usize, f64)>,
    last_legacy_ms: i64,
    last_any_ms: i64,
    /// Of accepted replacement use.
    replaced: Option<(Day, i64)>,
    replaced_first: Option<Day>,
    newest_outside: Option<Newest>,
    /// The last day with legacy use that was not rejected.
    unrejected: Option<Day>,
    /// The last day of legacy use by grade.
    graded: [Option<Day>; Grade::ALL.len()],
}

/// The end of a day, and how many covered days there were until then.
#[derive(Clone, Copy)]
struct At {
    day: Day,
    covered: f64,
}

struct PlaceProgress {
    place: u32,
    rhythm: Rhythm,
    own_horizon: Option<f64>,
    unrejected: Option<Day>,
    replaced: Option<Day>,
}

/// The newest legacy use outside brownout windows; at the same instant a rejection counts as the newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Newest {
    ms: i64,
    rejected: bool,
    day: Day,
    place: usize,
}

impl<'a> Progress<'a> {
    fn new(course: &'a Course<'a>, rules: &'a Rules<'a>) -> Option<Self> {
        let mut numbers: Vec<u32> = course.cells.iter().map(|cell| cell.place).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let place =
            |place| PlaceProgress { place, rhythm: Rhythm::default(), own_horizon: None, unrejected: None, replaced: None };
        Some(Self {
            rules,
            course,
            covered: course.covered.first()?.1,
            rhythm: Rhythm::default(),
            horizon: 0.0,
            places: numbers.into_iter().map(place).collect(),
            lasting: None,
            last_legacy_ms: i64::MIN,
            last_any_ms: i64::MIN,
            replaced: None,
            replaced_first: None,
            newest_outside: None,
            unrejected: None,
            graded: [None; Grade::ALL.len()],
        })
    }

    /// One more source looks on.
    fn look_through(&mut self, covered: &'a CoveredDays) {
        self.covered = covered;
        self.find_lasting();
    }

    /// Takes in the cells of one day, or of days before the first legacy use; gives the legacy uses and rejections.
    fn take(&mut self, cells: &[Cell]) -> (u64, u64) {
        let (mut uses, mut rejected) = (0, 0);
        for cell in cells {
            self.last_any_ms = self.last_any_ms.max(cell.last_ms);
            let place = self.places.binary_search_by_key(&cell.place, |p| p.place).expect("every cell's place was collected");
            if self.rules.is_legacy(cell) {
                add(&mut uses, cell.uses);
                if cell.outcome == Outcome::Rejected {
                    add(&mut rejected, cell.uses);
                }
                self.take_legacy(cell, place);
            } else if self.rules.is_replacement(cell) && !self.course.is_crowd {
                self.places[place].replaced = Some(cell.day);
                self.replaced = self.replaced.max(Some((cell.day, cell.last_ms)));
                self.replaced_first.get_or_insert(cell.day);
            }
        }
        if uses > 0 {
            self.horizon = self.rhythm.horizon(self.rules.quiet_after_days);
        }
        (uses, rejected)
    }

    fn take_legacy(&mut self, cell: &Cell, place: usize) {
        let rejected = cell.outcome == Outcome::Rejected;
        self.rhythm.add(cell.day);
        self.last_legacy_ms = self.last_legacy_ms.max(cell.last_ms);
        self.graded[cell.grade as usize] = Some(cell.day);
        let newest = self.rules.last_outside_ms(cell).map(|ms| Newest { ms, rejected, day: cell.day, place });
        self.newest_outside = self.newest_outside.max(newest);
        let progress = &mut self.places[place];
        progress.rhythm.add(cell.day);
        if !rejected {
            progress.unrejected = Some(cell.day);
            self.unrejected = Some(cell.day);
        }
        if self.course.is_repository[cell.place as usize] {
            progress.own_horizon = progress.rhythm.own_horizon(self.rules.quiet_after_days);
            self.prolong(place);
        }
    }

    /// The count of covered days at which a place's own horizon ends.
    fn limit(&self, place: usize) -> Option<f64> {
        let place = &self.places[place];
        let last = place.rhythm.last()?;
        place.own_horizon.map(|horizon| f64::from(self.covered.through(last)) + horizon)
    }

    /// A place was used again: its horizon ends later, or has become shorter.
    fn prolong(&mut self, place: usize) {
        let Some(limit) = self.limit(place) else { return };
        match self.lasting {
            Some((longest, at)) if longest == place && limit < at => self.find_lasting(),
            Some((_, at)) if limit < at => {}
            _ => self.lasting = Some((place, limit)),
        }
    }

    fn find_lasting(&mut self) {
        let limits = (0..self.places.len()).filter_map(|place| Some((place, self.limit(place)?)));
        self.lasting = limits.max_by(|a, b| a.1.total_cmp(&b.1));
    }

    /// Whether fewer covered days than `horizon` have passed since `day`.
    fn within(&self, day: Option<Day>, horizon: f64, at: At) -> bool {
        day.is_some_and(|day| at.covered < f64::from(self.covered.through(day)) + horizon)
    }

    fn at(&self, day: Day) -> At {
        At { day, covered: f64::from(self.covered.through(day)) }
    }

    /// The horizon of use in one place: the integration's, or the place's own where that is longer.
    fn horizon_of(&self, place: &PlaceProgress) -> f64 {
        place.own_horizon.map_or(self.horizon, |own| own.max(self.horizon))
    }

    /// The contract's table, from the top.
    fn status(&self, at: At) -> Status {
        let last = self.rhythm.last();
        let used = self.within(last, self.horizon, at);
        let used_somewhere = used || self.lasting.is_some_and(|(_, limit)| at.covered < limit);
        if used_somewhere && self.rules.removed_by(at.day) && self.only_knocks(at) {
            return Status::Stale;
        }
        if used && self.within(self.replaced.map(|(day, _)| day), self.horizon, at) {
            return Status::Migrating;
        }
        if self.newest_was_rejected(at) {
            return Status::Failing;
        }
        if used_somewhere {
            return Status::Active;
        }
        if self.replaced.is_some_and(|(_, ms)| ms > self.last_legacy_ms) {
            return Status::Migrated;
        }
        if self.closed(at).is_some() || self.silent_long_enough(at) { Status::Retired } else { Status::Quiet }
    }

    /// All legacy use within the horizon was rejected, and whatever it touched is reached with a replacement. Legacy use
    /// that names no repository is matched by any replacement use.
    fn only_knocks(&self, at: At) -> bool {
        if self.within(self.unrejected, self.horizon, at) {
            return false;
        }
        self.places.iter().all(|place| {
            let horizon = self.horizon_of(place);
            let anywhere = self.replaced.map(|(day, _)| day);
            let replaced = if self.course.is_repository[place.place as usize] { place.replaced } else { anywhere };
            let knocked = self.within(place.rhythm.last(), horizon, at);
            !knocked || (!self.within(place.unrejected, horizon, at) && self.within(replaced, horizon, at))
        })
    }

    fn newest_was_rejected(&self, at: At) -> bool {
        self.newest_outside.is_some_and(|newest| {
            newest.rejected && self.within(Some(newest.day), self.horizon_of(&self.places[newest.place]), at)
        })
    }

    /// An owner's word holds until later use of the legacy credential disproves it.
    fn closed(&self, at: At) -> Option<Day> {
        self.course.closures.iter().copied().filter(|closed| *closed <= at.day && self.rhythm.last() <= Some(*closed)).max()
    }

    /// A known period, silence for twice that and 30 covered days at least, and nothing else seen since.
    fn silent_long_enough(&self, at: At) -> bool {
        let enough = self.horizon.max(RETIRED_AFTER_DAYS);
        let known = self.rhythm.period().is_some();
        known && !self.within(self.rhythm.last(), enough, at) && self.last_any_ms <= self.last_legacy_ms
    }

    fn grade(&self, at: At) -> Grade {
        let from_the_best = || Grade::ALL.iter().rev().copied();
        let recent = from_the_best().find(|grade| self.within(self.graded[*grade as usize], self.horizon, at));
        recent.or_else(|| from_the_best().find(|grade| self.graded[*grade as usize].is_some())).unwrap_or(Grade::None)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a horizon is a few thousand days at most")]
    fn days_to_silence(&self, today: Day) -> u32 {
        let covered = f64::from(self.covered.through(today));
        let own = self.rhythm.last().map_or(0.0, |last| f64::from(self.covered.through(last)) + self.horizon - covered);
        let lasting = self.lasting.map_or(own, |(_, limit)| limit - covered);
        own.max(lasting).max(0.0).ceil() as u32
    }

    fn kept_by(&self, at: At) -> Option<KeptBy> {
        let (longest, limit) = self.lasting?;
        let place = &self.places[longest];
        let alone = !self.within(self.rhythm.last(), self.horizon, at) && at.covered < limit;
        alone.then_some(KeptBy {
            place: place.place,
            last: place.rhythm.last()?,
            period_days: place.rhythm.period()?,
            horizon_days: place.own_horizon?,
        })
    }

    fn standing(&self, last: DayStanding, first: Day, gone_days: u32, returns: Vec<Day>) -> Standing {
        let last_use = self.rhythm.last().unwrap_or(first);
        let own_end = self.lasting.map_or(0.0, |(_, end)| end - f64::from(self.covered.through(last_use)));
        Standing {
            last,
            period_days: self.rhythm.period(),
            horizon_days: self.horizon,
            days_to_silence: self.days_to_silence(last.day),
            kept_by: self.kept_by(self.at(last.day)),
            closed: self.closed(self.at(last.day)),
            silent_days: self.covered.between(last_use, last.day),
            passage: Passage {
                first,
                last: last_use,
                silent_days: self.covered.between(last_use, last.day),
                replaced: self.replaced_first.zip(self.replaced.map(|(day, _)| day)),
                lag_days: self.horizon.max(own_end),
                seen_since: self.last_any_ms > self.last_legacy_ms,
                rhythm: self.rhythm.clone(),
                gone_days,
                returns,
            },
        }
    }
}
