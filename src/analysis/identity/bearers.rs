//! Who bore a nickname when. A nickname that one user gave up and another took later leads to each of them in their own
//! time, as far as the member lists tell it.
//!
//! The rule. On a day on which exactly one of those in question bore the name, it means that one; a day on which it changed
//! hands belongs to the new bearer. When nobody bore it, it means who bore it last, since secrets outlive names; before the
//! first list, who bore it first. Where two bore it at once, or one of them is not known by a member list, time tells nothing.

use std::collections::HashMap;

use crate::evidence::{Day, Listed};

/// One user's time with one nickname.
struct Bearing {
    user: usize,
    from: Day,
    /// Excluded.
    until: Day,
}

/// By nickname in lower case.
#[derive(Default)]
pub(super) struct Bearers(HashMap<String, Vec<Bearing>>);

impl Bearers {
    /// Takes rows of member lists, each with the number of its user.
    pub(super) fn new<'a>(rows: impl Iterator<Item = (&'a Listed, usize)>) -> Self {
        let mut bearers: HashMap<String, Vec<Bearing>> = HashMap::new();
        for (listed, user) in rows {
            let Some(nickname) = &listed.person.nickname else { continue };
            let until = listed.until.map_or(Day(i32::MAX), Day::of);
            bearers.entry(nickname.to_lowercase()).or_default().push(Bearing { user, from: Day::of(listed.from), until });
        }
        Self(bearers)
    }

    /// Which of several users a nickname (in lower case) means on a day.
    pub(super) fn on(&self, nickname: &str, among: &[usize], day: Day) -> Option<usize> {
        let all = self.0.get(nickname)?;
        if !among.iter().all(|user| all.iter().any(|bearing| bearing.user == *user)) {
            return None;
        }
        let bearings = || all.iter().filter(|bearing| among.contains(&bearing.user));
        let then = || bearings().filter(|bearing| bearing.from <= day && day < bearing.until);
        if then().next().is_some() {
            return only(then());
        }
        if let Some(last) = bearings().map(|bearing| bearing.until).filter(|until| *until <= day).max() {
            return only(bearings().filter(|bearing| bearing.until == last));
        }
        let first = bearings().map(|bearing| bearing.from).min()?;
        only(bearings().filter(|bearing| bearing.from == first))
    }
}

/// The only user of these.
fn only<'a>(mut bearings: impl Iterator<Item = &'a Bearing>) -> Option<usize> {
    let first = bearings.next()?.user;
    bearings.all(|bearing| bearing.user == first).then_some(first)
}
