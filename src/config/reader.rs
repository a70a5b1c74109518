//! The configuration's own way of reading: secrets stand in it by reference.

use std::{cell::RefCell, path::PathBuf};

use secrecy::SecretString;

pub use crate::evidence::settings::{Fault, nearest, suggestion};

use super::secret::{self, Secrets};
use crate::{daemon::options::SecretReference, evidence::settings};

pub type Document<'a> = settings::Document<'a, Carried>;
pub type Section<'d, 'a> = settings::Section<'d, 'a, Carried>;

/// What goes along with the text: whether secrets are needed, and those that it has named so far.
pub struct Carried {
    secrets: Secrets,
    named: RefCell<Vec<SecretReference>>,
}

impl From<Secrets> for Carried {
    fn from(secrets: Secrets) -> Self {
        Self { secrets, named: RefCell::default() }
    }
}

impl Section<'_, '_> {
    /// A secret by reference: `env:NAME` or `file:PATH`; the value itself never stands in the file.
    pub fn secret(&self, key: &'static str) -> Option<SecretString> {
        self.parsed(key, |reference| self.resolve(key, reference))
    }

    /// What the reference of a key stands for.
    pub fn resolve(&self, key: &str, reference: &str) -> Result<SecretString, String> {
        self.note_reference(key, reference);
        secret::resolve(reference, self.carried().secrets)
    }

    /// The same for a key in PEM, which has several lines; none when it is not needed.
    pub fn resolve_pem(&self, key: &str, reference: &str) -> Result<Option<SecretString>, String> {
        self.note_reference(key, reference);
        secret::resolve_pem(reference, self.carried().secrets)
    }

    fn note_reference(&self, key: &str, reference: &str) {
        let file = reference.strip_prefix("file:").map(Into::into);
        self.carried().named.borrow_mut().push(SecretReference { key: self.path_of(key), file });
    }

    /// Takes note of a secret whose file the configuration names, and which others read.
    pub fn note_secret(&self, key: &str, file: PathBuf) {
        self.carried().named.borrow_mut().push(SecretReference { key: self.path_of(key), file: Some(file) });
    }

    /// The secrets that were named so far.
    pub fn named_secrets(&self) -> Vec<SecretReference> {
        self.carried().named.borrow().clone()
    }
}
