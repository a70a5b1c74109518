//! Rows without account id and uuid, as a directory may have them, and whose they are.
//!
//! A row belongs to whom its e-mail address leads to. An address that is new belongs to the one account that is called now as
//! the row says, else to a user of its own: who bore that nickname once may have left, and the row be of somebody who was hired
//! since. A row without an address belongs to whom its nickname leads to.

use std::collections::BTreeMap;

use super::joined::{User, strong_keys};
use super::{Facts, People, enter, lookup};

enum Whose {
    Known(usize),
    New,
    /// It may be of several, or names nobody.
    Unclear,
}

impl People {
    /// Rows that say the most go first, so that the order in which they stand decides nothing: a row with one name alone then
    /// finds whom the other rows tell it to be.
    pub(super) fn join_by_name(&mut self, facts: &[&Facts]) {
        let mut rows: Vec<usize> = (0..facts.len()).filter(|number| strong_keys(facts[*number]).next().is_none()).collect();
        rows.sort_by_cached_key(|number| {
            let Facts { email, nickname, .. } = facts[*number];
            let account = nickname.as_deref().and_then(|name| self.called_now(name));
            (email.is_none(), account.is_none(), nickname.is_none())
        });
        let mut user_of_row = BTreeMap::new();
        for number in rows {
            let user = match self.whose(facts[number]) {
                Whose::Known(user) => user,
                Whose::New => {
                    self.users.push(User::default());
                    self.users.len() - 1
                }
                Whose::Unclear => continue,
            };
            self.enter_names(facts[number], user);
            user_of_row.insert(number, user);
        }
        // What is learned first is what is shown, so that keeps its order.
        for (number, user) in user_of_row {
            self.users[user].learn(facts[number]);
        }
    }

    fn whose(&self, row: &Facts) -> Whose {
        let of = |meant: &[usize]| match self.only(meant) {
            Some(user) => Whose::Known(user),
            None if meant.is_empty() => Whose::New,
            None => Whose::Unclear,
        };
        let nickname = row.nickname.as_deref();
        let Some(email) = row.email.as_deref().map(str::to_lowercase) else {
            return nickname.map_or(Whose::Unclear, |name| of(self.meant_by_nickname(name)));
        };
        match of(self.meant_by_email(&email)) {
            Whose::New => nickname.and_then(|name| self.called_now(name)).map_or(Whose::New, Whose::Known),
            known => known,
        }
    }

    /// The one account that a list which holds now calls so; as it is written goes first.
    fn called_now(&self, name: &str) -> Option<usize> {
        let folded = name.to_lowercase();
        let bearers = lookup(&self.by_nickname_folded, &folded).iter().copied();
        let accounts: Vec<usize> = bearers.filter(|user| !self.users[*user].accounts.is_empty()).collect();
        let called = |is: &dyn Fn(&String) -> bool| -> Vec<usize> {
            accounts.iter().copied().filter(|user| self.users[*user].called.iter().any(is)).collect()
        };
        let exactly = called(&|called| called == name);
        let found = if exactly.is_empty() { called(&|called| called.to_lowercase() == folded) } else { exactly };
        if let [only] = found[..] { Some(only) } else { None }
    }

    fn enter_names(&mut self, row: &Facts, user: usize) {
        if let Some(email) = &row.email {
            enter(&mut self.by_email, email.to_lowercase(), user);
        }
        if let Some(name) = &row.nickname {
            enter(&mut self.by_nickname, name.clone(), user);
            enter(&mut self.by_nickname_folded, name.to_lowercase(), user);
        }
    }
}
