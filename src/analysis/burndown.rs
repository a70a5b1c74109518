//! How many integrations stood where at the end of each day, from what is known now.

use super::BurndownDay;
use super::days::add;
use super::timeline::DayStanding;
use crate::evidence::{Day, Grade, Status};

/// Counts one campaign's integrations into days.
pub(super) struct Burndown {
    rows: Vec<BurndownDay>,
    /// The user counted last on each day; integrations come grouped by user, so that each user counts once.
    counted: Vec<Option<usize>>,
    earliest: usize,
}

impl Burndown {
    pub(super) fn new(first: Day, last: Day) -> Self {
        let rows: Vec<BurndownDay> =
            (first.0..=last.0).map(|day| BurndownDay { day: Day(day), ..BurndownDay::default() }).collect();
        Self { counted: vec![None; rows.len()], earliest: rows.len(), rows }
    }

    /// Counts one integration's day. `user` is a number for whoever it belongs to, none when nobody is named.
    pub(super) fn count(&mut self, user: Option<usize>, standing: &DayStanding) {
        let Some(first) = self.rows.first().map(|row| row.day) else { return };
        let Ok(number) = usize::try_from(standing.day.0 - first.0) else { return };
        self.earliest = self.earliest.min(number);
        let row = &mut self.rows[number];
        add(&mut row.uses, standing.uses);
        add(&mut row.rejected, standing.rejected);
        *match standing.status {
            Status::Stale => &mut row.stale,
            Status::Migrating => &mut row.migrating,
            Status::Failing => &mut row.failing,
            Status::Active => &mut row.active,
            Status::Migrated => &mut row.migrated,
            Status::Retired => &mut row.retired,
            Status::Quiet => &mut row.quiet,
        } += 1;
        if !standing.status.remaining() {
            return;
        }
        row.remaining += 1;
        row.remaining_known += u32::from(standing.grade >= Grade::Strong);
        if user.is_some() && self.counted[number] != user {
            self.counted[number] = user;
            row.users_remaining += 1;
        }
    }

    /// Counts what another one has counted of the same days, of other users.
    pub(super) fn append(&mut self, others: &Self) {
        self.earliest = self.earliest.min(others.earliest);
        for (row, other) in self.rows.iter_mut().zip(&others.rows) {
            let BurndownDay {
                day: _,
                remaining,
                remaining_known,
                active,
                failing,
                migrating,
                stale,
                quiet,
                migrated,
                retired,
                users_remaining,
                uses,
                rejected,
                observed: _,
            } = *other;
            add(&mut row.uses, uses);
            add(&mut row.rejected, rejected);
            row.stale += stale;
            row.migrating += migrating;
            row.failing += failing;
            row.active += active;
            row.migrated += migrated;
            row.retired += retired;
            row.quiet += quiet;
            row.remaining += remaining;
            row.remaining_known += remaining_known;
            row.users_remaining += users_remaining;
        }
    }

    /// The rows from the first day with anything to count.
    pub(super) fn into_rows(mut self) -> Vec<BurndownDay> {
        self.rows.split_off(self.earliest)
    }
}
