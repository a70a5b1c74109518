//! The truth, for tests and benchmarks alone.

use crate::evidence::{Campaign, Day, Outcome};

use super::{Integration, Team, Use, User, World};

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

    /// The index in [`Truth::teams`] of the team that has a repository.
    pub fn team_of(&self, repository: usize) -> usize {
        self.world.places.repositories[repository].team
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
