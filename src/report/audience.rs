//! Whom a report is for.

use std::{fmt, str::FromStr};

/// Each reads a document of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The daily digest.
    Security,
    /// The weekly brief.
    Leadership,
    /// The notice: the rows of one owner, and no other's.
    Owner(String),
}

impl Audience {
    /// Those who read about the whole organisation.
    pub const WHOLE: [Self; 2] = [Self::Security, Self::Leadership];
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Security => f.write_str("security"),
            Self::Leadership => f.write_str("leadership"),
            Self::Owner(name) => write!(f, "owner:{name}"),
        }
    }
}

impl FromStr for Audience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "security" => Ok(Self::Security),
            "leadership" => Ok(Self::Leadership),
            other => match other.strip_prefix("owner:") {
                Some(name) if !name.is_empty() => Ok(Self::Owner(name.to_owned())),
                _ => Err("security, leadership or owner:NAME".to_owned()),
            },
        }
    }
}
