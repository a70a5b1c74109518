//! One round of each kind of source: fetch, parse, classify, count, record. Each page or block is recorded in one
//! transaction with its cursor and coverage, which several may share, so a round may end anywhere.
//!
//! # Where the time goes
//!
//! A log of millions of lines is read in seconds, because little is done for each line and nothing for each line alone:
//!
//! - *Read*: a blocking thread fills one buffer with a block of whole lines. Blocks go through bounded channels, so that a few of
//!   them are in memory however long a file is.
//! - *Parse* ([`parse_block`](crate::evidence::format::parse_block)): one pass over each line, into a sighting that borrows its
//!   texts from the buffer; one with an escape in it is copied. Secrets are gone from here on: a table of 256 entries tells of each
//!   byte whether a text may hold one, and the expressions that take it out are asked of those few alone.
//! - *Classify* ([`Classifier`](crate::analysis::Classifier)): rules look at one sighting. What many lines have in common (which
//!   client an agent is, in which network an address lies) is looked up once and remembered.
//! - *Fold* ([`fold`](crate::analysis::fold)): what makes a track is hashed as it is borrowed; a track that was met before costs a
//!   lookup. A block of up to 16,384 lines becomes the tracks and day counts that it shows, and one chunk: its sightings column by
//!   column, names once, compressed. Who wants a line again (`explain`, `reclassify`, `store forget`) reads chunks.
//! - *Record* ([`pipeline`]): one thread writes what others have folded. A block is a row for its chunk, some for its index and its
//!   day counts, whose tracks have numbers that are remembered; several blocks share one transaction.
//!
//! Reading, parsing and recording go on beside each other, so that a second core helps (`tests/bench/README.md`). The same with nothing borrowed, remembered
//! or folded is a test: `what_is_folded_is_what_a_plain_reading_adds_up_to`.

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
pub use log::{BEGAN, LogRound, glance};
pub(super) use pipeline::record_all;
pub use query::{Glance, Pace, QueryRound, glance as glance_at_query};
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
