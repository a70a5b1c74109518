//! The closed sets of the contract. Each spelling stands once, and is the one in storage, CSV and JSON.

/// Declares an enum whose variants have one spelling each.
macro_rules! spelled {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use spelled;

spelled!(
    /// What was presented to sign in.
    Credential {
        AppPassword = "app_password",
        ApiToken = "api_token",
        AccessToken = "access_token",
        Oauth = "oauth",
        SshKey = "ssh_key",
        Session = "session",
        Connect = "connect",
        Container = "container",
        AccountPassword = "account_password",
        Unknown = "unknown",
    }
);

spelled!(
    /// How firmly the credential is known, from not at all to proven.
    Grade { None = "none", Weak = "weak", Strong = "strong", Proven = "proven" }
);

spelled!(Outcome { Accepted = "accepted", Rejected = "rejected", Unknown = "unknown" });

spelled!(Operation {
    GitRead = "git_read",
    GitWrite = "git_write",
    ApiRead = "api_read",
    ApiWrite = "api_write",
    Other = "other",
});

impl Operation {
    pub fn writes(self) -> bool {
        matches!(self, Self::GitWrite | Self::ApiWrite)
    }
}

spelled!(
    /// Where an instant lies against the brownout windows before the removal.
    WindowKind { Outside = "outside", Published = "published", Extrapolated = "extrapolated" }
);

spelled!(
    /// Where an integration stands in a campaign.
    Status {
        Stale = "stale",
        Migrating = "migrating",
        Failing = "failing",
        Active = "active",
        Migrated = "migrated",
        Retired = "retired",
        Quiet = "quiet",
    }
);

impl Status {
    pub fn remaining(self) -> bool {
        matches!(self, Self::Active | Self::Failing | Self::Migrating | Self::Quiet)
    }

    /// Something still presents the legacy secret, or may do so again.
    pub fn holds_secret(self) -> bool {
        self.remaining() || self == Self::Stale
    }
}

spelled!(
    /// Kinds of software, as in the client catalogue.
    Category {
        AtlassianProduct = "Atlassian product",
        Ci = "CI",
        GitOps = "GitOps",
        Ide = "IDE",
        Iac = "IaC",
        BackupMirror = "backup/mirror",
        CodeScanning = "code scanning",
        DependencyBot = "dependency bot",
        GitClient = "git client",
        PackageManager = "package manager",
        ScriptLibrary = "script/library",
        Unknown = "unknown",
    }
);

impl Category {
    /// A person sits in front of it, and carries it from network to network.
    pub fn interactive(self) -> bool {
        matches!(self, Self::Ide | Self::GitClient)
    }
}

/// What the rules say of one sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    pub credential: Credential,
    pub grade: Grade,
    pub outcome: Outcome,
    pub operation: Operation,
    pub window: WindowKind,
    /// The id of the rule that decided, interned by the classifier ([`crate::evidence::Batch::rules`]).
    pub rule: u16,
    /// False for items that sign nobody in: git's opening request without credentials, identity-only audit events.
    pub authentication: bool,
}

#[cfg(test)]
impl Verdict {
    /// What tests say of an authentication of which nothing else matters: git reads, outside every window, by the first rule.
    pub(crate) fn of(credential: Credential, grade: Grade, outcome: Outcome) -> Self {
        let (operation, window) = (Operation::GitRead, WindowKind::Outside);
        Self { credential, grade, outcome, operation, window, rule: 0, authentication: true }
    }
}
