//! The truth, for tests and benchmarks alone.

use crate::evidence::{Campaign, Day, Grade, Outcome};

use super::{Integration, Team, Use, User, World, audit::AuditEvent, logs};

/// What is really so in a world.
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    world: &'a World,
}

impl<'a> Truth<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self { world }
    }

    pub fn integrations(&self) -> &'a [Integration] {
        &self.world.integrations
    }

    pub fn users(&self) -> &'a [User] {
        &self.world.places.users
    }

    pub fn teams(&self) -> &'a [Team] {
        &self.world.places.teams
    }

    pub fn campaign(&self) -> &'a Campaign {
        &self.world.campaign
    }

    /// The first day of the world, and the day after its last.
    pub fn days(&self) -> (Day, Day) {
        (self.world.first, self.world.last)
    }

    /// `workspace/repository` of an index.
    pub fn repository(&self, index: usize) -> String {
        self.world.places.full_name(index)
    }

    /// Every use of an integration from a day up to and without another, in order of time.
    pub fn uses(&self, integration: &'a Integration, from: Day, to: Day) -> impl Iterator<Item = Use> + use<'a> {
        let world = self.world;
        (from.0.max(world.first.0)..to.0.min(world.last.0)).flat_map(move |day| {
            let mut uses = Vec::new();
            world.uses_on(integration, Day(day), &mut uses);
            uses
        })
    }

    /// The uses that present the legacy credential.
    pub fn legacy_uses(&self, integration: &'a Integration, from: Day, to: Day) -> impl Iterator<Item = Use> + use<'a> {
        let world = self.world;
        self.uses(integration, from, to).filter(move |it| world.campaign.is_legacy(it.credential))
    }

    /// The uses that present a replacement, rightly or wrongly.
    pub fn replacement_uses(&self, integration: &'a Integration, from: Day, to: Day) -> impl Iterator<Item = Use> + use<'a> {
        let world = self.world;
        self.uses(integration, from, to).filter(move |it| world.campaign.is_replacement(it.credential))
    }

    /// How firmly the log that shows a legacy use tells that it was one, by the contract's table of signs, with the user's
    /// name beside it; `none` where no log does.
    pub fn sign_of(&self, integration: &Integration, one: &Use) -> Grade {
        logs::sign_of(self.world, integration, one)
    }

    /// The log that shows an integration, and the times of its lines as they stand there.
    pub fn line_times(&self, integration: &'a Integration) -> impl Iterator<Item = (&'static str, i64)> + use<'a> {
        let world = self.world;
        let uses = self.uses(integration, world.first, world.last);
        uses.flat_map(move |one| logs::line_times(world, integration, &one))
    }

    /// The times of the audit events that integrations cause, as they stand there, each with its integration.
    pub fn event_times(&self) -> impl Iterator<Item = (i64, u32)> + use<'a> {
        self.world.events.iter().filter_map(AuditEvent::caused_by)
    }

    /// Whether an integration signs in with an app password at all on a day or later.
    pub fn remaining_on(&self, integration: &'a Integration, day: Day) -> bool {
        self.legacy_uses(integration, day, self.world.last).next().is_some()
    }

    /// The refused legacy uses of the seven days from the removal on: what really breaks.
    pub fn failing_after_removal(&self, integration: &'a Integration) -> impl Iterator<Item = Use> + use<'a> {
        let removal = Day::of(self.world.campaign.removal);
        self.legacy_uses(integration, removal, Day(removal.0 + 7)).filter(|it| it.outcome == Outcome::Rejected)
    }
}
