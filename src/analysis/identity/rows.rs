//! Rows without account id and uuid, as a directory may have them, and whose they are.
//!
//! A row belongs to whom its e-mail address leads to. An address that is new belongs to the one account that is called now as
//! all its rows say, if no other new address says the same; else it is a user of its own: who bore that nickname once may have
//! left, and the row be of somebody who was hired since. A row without an address belongs to whom its nickname leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::joined::{User, strong_keys};
use super::{Facts, People, enter, lookup};

enum Whose {
    Known(usize),
    New,
    /// It may be of several, or names nobody.
    Unclear,
}

/// The numbers of rows by the address that they name.
type Addressed = BTreeMap<String, Vec<usize>>;

impl People {
    /// Rows with an address go first, and all of one address at once, so that the order in which they stand decides nothing: a
    /// row with a nickname alone then finds whom the other rows tell it to be.
    pub(super) fn join_by_name(&mut self, facts: &[&Facts]) {
        let (mut addressed, mut unaddressed) = (Addressed::new(), Vec::new());
        for number in (0..facts.len()).filter(|number| strong_keys(facts[*number]).next().is_none()) {
            match &facts[number].email {
                Some(email) => addressed.entry(email.to_lowercase()).or_default().push(number),
                None => unaddressed.push(number),
            }
        }
        let mut user_of_row = BTreeMap::new();
        let accounts = self.accounts_of_new(&addressed, facts);
        for (address, rows) in addressed {
            let whose = match self.whose(self.meant_by_email(&address)) {
                Whose::New => accounts.get(&address).map_or(Whose::New, |account| Whose::Known(*account)),
                known => known,
            };
            let Some(user) = self.user(&whose) else { continue };
            for number in rows {
                self.enter_names(facts[number], user);
                user_of_row.insert(number, user);
            }
        }
        for number in unaddressed {
            let nickname = facts[number].nickname.as_deref();
            let whose = nickname.map_or(Whose::Unclear, |name| self.whose(self.meant_by_nickname(name)));
            let Some(user) = self.user(&whose) else { continue };
            self.enter_names(facts[number], user);
            user_of_row.insert(number, user);
        }
        // What is learned first is what is shown, so that keeps its order.
        for (number, user) in user_of_row {
            self.users[user].learn(facts[number]);
        }
    }

    fn whose(&self, meant: &[usize]) -> Whose {
        match self.only(meant) {
            Some(user) => Whose::Known(user),
            None if meant.is_empty() => Whose::New,
            None => Whose::Unclear,
        }
    }

    fn user(&mut self, whose: &Whose) -> Option<usize> {
        match whose {
            Whose::Known(user) => Some(*user),
            Whose::New => {
                self.users.push(User::default());
                Some(self.users.len() - 1)
            }
            Whose::Unclear => None,
        }
    }

    /// The new addresses that the nicknames beside them give to an account, each to its own.
    fn accounts_of_new(&self, addressed: &Addressed, facts: &[&Facts]) -> BTreeMap<String, usize> {
        let new = addressed.iter().filter(|(address, _)| self.meant_by_email(address).is_empty());
        let named: Vec<(&String, usize)> = new
            .filter_map(|(address, rows)| {
                let names: BTreeSet<&str> = rows.iter().filter_map(|number| facts[*number].nickname.as_deref()).collect();
                Some((address, self.account_of_all(&names)?))
            })
            .collect();
        let mut claims = BTreeMap::<usize, usize>::new();
        for (_, account) in &named {
            *claims.entry(*account).or_default() += 1;
        }
        // Of several that claim one account, at most one is right, and nothing tells which.
        let alone = named.into_iter().filter(|(_, account)| claims.get(account) == Some(&1));
        alone.map(|(address, account)| (address.clone(), account)).collect()
    }

    /// The account that one of these nicknames means for sure, and every other that an account is called by may mean.
    fn account_of_all(&self, names: &BTreeSet<&str>) -> Option<usize> {
        let mut called: Vec<Vec<usize>> = names.iter().map(|name| self.called_now(name)).collect();
        called.retain(|accounts| !accounts.is_empty());
        let sure = called.iter().find_map(|accounts| if let [only] = accounts[..] { Some(only) } else { None })?;
        called.iter().all(|accounts| accounts.contains(&sure)).then_some(sure)
    }

    /// The accounts that a list which holds now calls so; as it is written goes first.
    fn called_now(&self, name: &str) -> Vec<usize> {
        let folded = name.to_lowercase();
        let bearers = lookup(&self.by_nickname_folded, &folded).iter().copied();
        let accounts: Vec<usize> = bearers.filter(|user| !self.users[*user].accounts.is_empty()).collect();
        let called = |is: &dyn Fn(&String) -> bool| -> Vec<usize> {
            accounts.iter().copied().filter(|user| self.users[*user].called.iter().any(is)).collect()
        };
        let exactly = called(&|called| called == name);
        if exactly.is_empty() { called(&|called| called.to_lowercase() == folded) } else { exactly }
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
