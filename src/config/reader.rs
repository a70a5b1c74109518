//! The configuration's own way of reading: secrets stand in it by reference.

use secrecy::SecretString;

pub use crate::evidence::settings::{Fault, nearest};

use super::secret::{self, Secrets};
use crate::evidence::settings;

pub type Document<'a> = settings::Document<'a, Secrets>;
pub type Section<'d, 'a> = settings::Section<'d, 'a, Secrets>;

impl Section<'_, '_> {
    /// A secret by reference: `env:NAME` or `file:PATH`; the value itself never stands in the file.
    pub fn secret(&self, key: &'static str) -> Option<SecretString> {
        self.parsed(key, |reference| self.resolve(reference))
    }

    /// What a reference stands for.
    pub fn resolve(&self, reference: &str) -> Result<SecretString, String> {
        secret::resolve(reference, *self.carried())
    }
}
