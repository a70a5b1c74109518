//! Whom evidence and lists name, for whoever has to rename them.

use super::{identity::People, tracks::Spans};
use crate::evidence::{Day, History, Person, Roster, Track};

/// Everybody, as a judgement knows them.
pub struct Who(People);

impl Who {
    pub fn new(history: &History, roster: &Roster) -> Self {
        Self(People::new(roster, history, &Spans::new(history)))
    }

    /// The user id that a track means on a day; none when it names nobody.
    pub fn of_track(&self, track: &Track, day: Day) -> Option<String> {
        self.0.user_of(track, Some(day))
    }

    /// The user id of facts of a list.
    pub fn of(&self, facts: &Person) -> Option<String> {
        self.0.id_of(facts)
    }
}
