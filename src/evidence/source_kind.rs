//! What sources are called: `log/egress` is the log `egress`. Another instance's begin with its own name
//! ([`exchange`](super::exchange)).

use super::{exchange, vocabulary::spelled};

spelled!(
    /// What a source is read from: the first word of its name.
    SourceKind {
        Audit = "audit",
        Tokens = "tokens",
        Access = "access",
        Log = "log",
        Query = "query",
        Intake = "intake",
        Import = "import",
    }
);

impl SourceKind {
    /// The source of this kind that goes by a name.
    pub fn source(self, name: &str) -> String {
        format!("{self}/{name}")
    }

    /// The kind of a source that is read here, and its name; none for what another instance reads.
    pub fn split(source: &str) -> Option<(Self, &str)> {
        let (kind, name) = source.split_once('/')?;
        Some((Self::parse(kind)?, name))
    }

    /// The name of a source of this kind, whoever reads it; none for one of another.
    pub fn name_of(self, source: &str) -> Option<&str> {
        Self::split(exchange::own_name(source)).filter(|(kind, _)| *kind == self).map(|(_, name)| name)
    }

    /// The kind of a source that is read here.
    pub fn of(source: &str) -> Option<Self> {
        Self::split(source).map(|(kind, _)| kind)
    }
}

#[test]
fn a_source_is_called_by_its_kind_and_its_name() {
    for kind in SourceKind::ALL {
        assert_eq!(SourceKind::split(&kind.source("a/b")), Some((*kind, "a/b")));
        assert_eq!(kind.name_of(&format!("exchange/emea/{kind}/a")), Some("a"));
    }
    for other in ["exchange/emea/log/egress", "log", "logs/egress", ""] {
        assert_eq!(SourceKind::split(other), None, "{other}");
    }
}
