//! One round of each kind of source: fetch, parse, classify, count, record. Each page or block is recorded in one
//! transaction with its cursor and coverage, which several may share, so a round may end anywhere.

mod access;
mod audit;
mod in_flight;
mod log;
mod pipeline;
mod query;
mod rotation;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use access::AccessRound;
pub use audit::{AuditRound, UNLINKED};
pub(super) use in_flight::InFlight;
pub use log::{LogRound, glance};
pub(super) use pipeline::record_all;
pub use query::{Pace, QueryRound, glance as glance_at_query};
pub use tokens::TokensRound;

use crate::{analysis::Classifier, evidence::Grade};

/// A source's name, and the classifiers of its rounds.
pub struct Setting {
    pub name: String,
    classifiers: Shared,
}

impl Setting {
    pub fn new(name: String, classifier: Classifier) -> Self {
        Self { name, classifiers: Shared(Arc::new(Mutex::new(vec![classifier]))) }
    }

    /// The same, for a source whose word does not count beyond a grade.
    pub fn with_maximum_grade(self, grade: Grade) -> Self {
        let classifier = self.classifiers.take().with_maximum_grade(grade);
        Self::new(self.name, classifier)
    }

    /// The classifiers, to be taken to a blocking thread.
    pub fn classifier(&self) -> Shared {
        self.classifiers.clone()
    }

    /// The rules and the calendar of the app passwords, with no client and no network known.
    #[cfg(test)]
    pub(super) fn bare(name: &str) -> Self {
        use crate::{
            analysis::Rules,
            evidence::{Campaign, ClientCatalogue, NamedNetworks},
        };
        let campaign = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
        let classifier = Classifier::new(
            Rules::builtin().expect("valid rules"),
            ClientCatalogue::parse("client = []").expect("an empty catalogue"),
            NamedNetworks::new(Vec::new()),
            Campaign::parse(campaign).expect("a valid campaign"),
        );
        Self::new(name.to_owned(), classifier)
    }
}

/// A classifier for each thread that asks at the same time; each remembers what it has met. The first is only copied.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Vec<Classifier>>>);

impl Shared {
    pub fn with<T>(&self, work: impl FnOnce(&Classifier) -> T) -> T {
        let classifier = self.take();
        let result = work(&classifier);
        self.idle().push(classifier);
        result
    }

    fn take(&self) -> Classifier {
        let mut idle = self.idle();
        if idle.len() > 1 { idle.swap_remove(1) } else { idle[0].clone() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Classifier>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
