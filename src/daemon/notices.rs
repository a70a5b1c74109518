//! Which owners are written to: once a week while something is left to do, sooner when it got worse, and once more when
//! nothing is left. What an owner was told last is in the outbox, so a restart tells nobody twice.

use std::collections::HashSet;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::{
    Engine, Judged,
    delivery::{Delivery, MAIL},
    schedule::Due,
};
use crate::{
    analysis::counted,
    report::{Audience, Previous},
    store::Writer,
};

/// An owner is told of the same things once a week: less is forgotten, more is not read.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// However often it gets worse, there is one notice a day.
const SOONER_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// A notice leaves some seconds after its hour, and the next one is still due at the same hour.
const SLACK: SignedDuration = SignedDuration::from_hours(1);

/// Whether an owner is written to now, of whom nothing is left to do if `done`.
fn wanted(told: Option<&Previous>, done: bool, got_worse: bool, now: Timestamp) -> bool {
    let Some(told) = told else { return !done };
    let was_open = told.remaining.values().any(|left| *left > 0);
    let silent = now.duration_since(told.sent_at) + SLACK;
    if done {
        return was_open;
    }
    !was_open || silent >= AGAIN_AFTER || (got_worse && silent >= SOONER_AFTER)
}

impl Engine {
    /// The owners whose notice is due, and who has no other one waiting.
    pub(super) async fn owners_to_tell(&self, judged: &Judged) -> anyhow::Result<Vec<String>> {
        let owners = self.options.owner_addresses();
        let names: Vec<String> = owners.into_iter().map(|(name, _)| name).collect();
        let now = judged.seen_at();
        let read = move |r: &crate::store::Reader| {
            let waiting: HashSet<String> = r.waiting_audiences(MAIL)?.into_iter().collect();
            let told = names.into_iter().map(|name| {
                let audience = Audience::Owner(name.clone()).to_string();
                let waits = waiting.contains(&audience);
                Ok((name, waits, r.told(MAIL, &audience, now)?))
            });
            told.collect::<Result<Vec<_>, _>>()
        };
        let told = self.store.read(read).await?;
        let due = told.into_iter().filter(|(name, waits, told)| {
            let notice = judged.notice(name);
            let got_worse = told.as_ref().is_some_and(|told| judged.got_worse(&notice, told.changes));
            !waits && wanted(told.as_ref(), notice.is_done(), got_worse, now)
        });
        Ok(due.map(|(name, ..)| name).collect())
    }

    /// Puts every notice that is due into the outbox, and says how many those are. All of them or none is recorded.
    pub(super) async fn enqueue_notices(&self, judged: &Judged, due: Due, now: Timestamp) -> anyhow::Result<String> {
        let owners = self.owners_to_tell(judged).await?;
        let messages = owners.iter().map(|owner| {
            let audience = Audience::Owner(owner.clone());
            let message = self.message(&audience, judged, due).with_context(|| audience.to_string())?;
            Ok((message, told(judged, owner)))
        });
        let messages: Vec<_> = messages.collect::<anyhow::Result<_>>()?;
        let number = messages.len();
        let write = move |w: &mut Writer<'_>| {
            for (message, told) in &messages {
                w.enqueue(message, now)?;
                w.remember_told(&message.channel, &message.audience, message.occurrence, told)?;
            }
            w.record_occurrence(MAIL, &Delivery::Notices.record(), due.occurrence, now)
        };
        self.store.write(write).await?;
        let were = counted(number as u64, "notice to an owner was", "notices to owners were");
        Ok(format!("{were} put into the outbox"))
    }
}

/// What a notice tells its owner.
pub(super) fn told(judged: &Judged, owner: &str) -> Previous {
    Previous { remaining: judged.notice(owner).to_do(), ..judged.told.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-07-03T09:00:07Z";

    fn now() -> Timestamp {
        NOW.parse().expect("a valid instant")
    }

    /// What was told so many hours before now, when `left` integrations were left.
    fn told(hours: i64, left: u32) -> Previous {
        let sent_at = now() - SignedDuration::from_hours(hours);
        Previous { sent_at, remaining: [("bitbucket-app-passwords".to_owned(), left)].into(), changes: 0 }
    }

    #[test]
    fn the_first_notice_goes_to_whom_something_is_left() {
        assert!(wanted(None, false, false, now()));
        assert!(!wanted(None, true, false, now()));
    }

    #[test]
    fn the_same_things_are_told_once_a_week() {
        for (hours, due) in [(1, false), (24, false), (6 * 24, false), (7 * 24, true), (30 * 24, true)] {
            assert_eq!(wanted(Some(&told(hours, 3)), false, false, now()), due, "{hours} h");
        }
        // It left some seconds after its hour a week ago.
        let a_week = Previous { sent_at: now() - SignedDuration::from_secs(7 * 86_400 - 20), ..told(0, 3) };
        assert!(wanted(Some(&a_week), false, false, now()));
    }

    #[test]
    fn what_got_worse_is_told_the_next_day() {
        assert!(!wanted(Some(&told(5, 3)), false, true, now()));
        assert!(wanted(Some(&told(24, 3)), false, true, now()));
    }

    #[test]
    fn the_end_is_told_once_at_once_and_what_comes_back_begins_anew() {
        assert!(wanted(Some(&told(1, 3)), true, false, now()));
        assert!(!wanted(Some(&told(1, 0)), true, false, now()));
        assert!(!wanted(Some(&told(900, 0)), true, false, now()));
        assert!(wanted(Some(&told(1, 0)), false, false, now()));
    }
}
