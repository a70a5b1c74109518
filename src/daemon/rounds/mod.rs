//! One round of each kind of source: fetch, parse, classify, count, record. Each page or block is one transaction with its
//! cursor and coverage, so a round may end anywhere.

mod access;
mod audit;
mod log;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};

pub use access::AccessRound;
pub use audit::AuditRound;
pub use log::LogRound;
pub use tokens::TokensRound;

use crate::analysis::Classifier;

/// A source's name, and the classifier that its rounds use one after the other.
pub struct Setting {
    pub name: String,
    classifier: Arc<Mutex<Classifier>>,
}

impl Setting {
    pub fn new(name: String, classifier: Classifier) -> Self {
        Self { name, classifier: Arc::new(Mutex::new(classifier)) }
    }

    /// The classifier, to be taken to a blocking thread.
    pub fn classifier(&self) -> Shared {
        Shared(Arc::clone(&self.classifier))
    }
}

/// A classifier that one thread at a time uses.
pub struct Shared(Arc<Mutex<Classifier>>);

impl Shared {
    /// A classifier only remembers answers, so one whose user panicked is as good as before.
    pub fn with<T>(&self, work: impl FnOnce(&Classifier) -> T) -> T {
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
