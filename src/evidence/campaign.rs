//! The retirement of something: what counts as legacy and as its replacement, freeze, brownouts, removal, the dates that
//! moved, and the words that reports use for it. All of it stands in a file; three are compiled in, and a new campaign needs
//! no code.

use jiff::Timestamp;

use super::{Credential, WindowKind, settings::Fault};

mod file;
mod predicate;
mod words;

pub use file::read;
pub use predicate::Predicate;
pub use words::{Pair, Words};

/// The campaigns that are compiled in.
const BUILTIN: [(&str, &str); 3] = [
    ("builtin:bitbucket-app-passwords", include_str!("../../config/campaigns/bitbucket-app-passwords.toml")),
    ("builtin:bitbucket-ssh-host", include_str!("../../config/campaigns/bitbucket-ssh-host.toml")),
    ("builtin:api-token-expiry", include_str!("../../config/campaigns/api-token-expiry.toml")),
];

/// Of so many the judgement keeps count.
pub const MAX_CAMPAIGNS: usize = 16;

/// What a campaign's file holds: a retirement of some use, or deadlines of its own for each token.
#[derive(Clone, Debug)]
pub enum Kind {
    Use(Box<Campaign>),
    Expiry(Expiry),
}

/// A use that ends on one day for everybody.
#[derive(Clone, Debug)]
pub struct Campaign {
    pub id: String,
    pub name: String,
    pub words: Words,
    pub legacy: Predicate,
    pub replacement: Predicate,
    /// From when on nothing new of it could be made.
    pub freeze: Option<Timestamp>,
    pub removal: Timestamp,
    /// Earlier values of the removal date, oldest first, with why they changed.
    pub moved: Vec<MovedDate>,
    /// Sorted by start; each includes its start and excludes its end.
    pub windows: Vec<Window>,
    pub documentation: String,
    /// What to do, whatever the client is; none: what the client catalogue says of app passwords.
    pub advice: Option<String>,
}

/// Tokens that end one by one, each on a day of its own.
#[derive(Clone, Debug)]
pub struct Expiry {
    pub id: String,
    pub name: String,
    /// What ends, as a plural noun: `tokens`.
    pub noun: String,
    /// The kinds of credentials that it speaks of.
    pub credentials: Vec<Credential>,
    pub documentation: String,
    pub advice: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedDate {
    pub was: Timestamp,
    pub reason: String,
}

/// A brownout: an hour or so in which the legacy credential is refused, to make its users notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from_ms: i64,
    pub to_ms: i64,
    pub published: bool,
}

impl Kind {
    pub fn id(&self) -> &str {
        match self {
            Self::Use(campaign) => &campaign.id,
            Self::Expiry(expiry) => &expiry.id,
        }
    }
}

impl Campaign {
    /// Resolves `builtin:NAME`; other references are paths, which only `config` reads.
    pub fn builtin(reference: &str) -> Option<&'static str> {
        BUILTIN.iter().find(|(name, _)| *name == reference).map(|(_, text)| *text)
    }

    /// What can be referred to.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// Reads the file of a campaign of use.
    ///
    /// # Errors
    /// As [`read`], and when the campaign is one of expiry.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        match read("campaign", text, None)? {
            Kind::Use(campaign) => Ok(*campaign),
            Kind::Expiry(Expiry { id, .. }) => {
                let words = format!("`{id}` retires no use");
                Err(vec![Fault { file: "campaign".to_owned(), line: 0, key: "kind".to_owned(), words }])
            }
        }
    }

    /// The campaign by whose calendar the base rules go: the first that retires app passwords, of which they speak; the
    /// compiled-in one where none does.
    pub fn calendar(campaigns: &[Self]) -> Self {
        campaigns.iter().find(|campaign| campaign.retires_app_passwords()).cloned().unwrap_or_else(|| {
            let (_, text) = BUILTIN[0];
            Self::parse(text).expect("a test reads the compiled-in campaign")
        })
    }

    pub fn retires_app_passwords(&self) -> bool {
        self.legacy.names(Credential::AppPassword)
    }

    /// Where an instant lies against the windows; always outside from the removal on.
    pub fn window_at(&self, ms: i64) -> WindowKind {
        let next = self.windows.partition_point(|w| w.from_ms <= ms);
        match next.checked_sub(1).map(|i| self.windows[i]) {
            Some(w) if ms < w.to_ms && ms < self.removal.as_millisecond() => {
                if w.published {
                    WindowKind::Published
                } else {
                    WindowKind::Extrapolated
                }
            }
            _ => WindowKind::Outside,
        }
    }

    pub fn removed_at(&self, ms: i64) -> bool {
        ms >= self.removal.as_millisecond()
    }

    /// Whether a credential is legacy, as far as credentials decide it.
    pub fn is_legacy(&self, credential: Credential) -> bool {
        self.legacy.takes(credential)
    }

    /// Whether a credential is a replacement, as far as credentials decide it.
    pub fn is_replacement(&self, credential: Credential) -> bool {
        self.replacement.takes(credential)
    }

    /// The windows that end after `from`, at most `limit`.
    pub fn windows_after(&self, from: Timestamp, limit: usize) -> &[Window] {
        let start = self.windows.partition_point(|w| w.to_ms <= from.as_millisecond());
        let rest = &self.windows[start..];
        &rest[..rest.len().min(limit)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Day, Outcome};

    const APP_PASSWORDS: &str = BUILTIN[0].1;
    const SSH_HOST: &str = BUILTIN[1].1;

    fn campaign(text: &str) -> Campaign {
        Campaign::parse(text).expect("the built-in campaign is valid")
    }

    fn app_passwords() -> Campaign {
        campaign(APP_PASSWORDS)
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a valid instant").as_millisecond()
    }

    #[test]
    fn windows_include_their_start_and_exclude_their_end() {
        let campaign = app_passwords();
        assert_eq!(campaign.window_at(at("2026-06-08T23:59:59.999Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-06-09T00:00:00Z")), WindowKind::Published);
        assert_eq!(campaign.window_at(at("2026-06-09T18:07:00Z")), WindowKind::Published);
        assert_eq!(campaign.window_at(at("2026-06-09T18:15:00Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-07-27T22:59:59Z")), WindowKind::Extrapolated);
        assert_eq!(campaign.window_at(at("2026-07-27T23:00:00Z")), WindowKind::Outside);
        assert_eq!(campaign.window_at(at("2026-07-28T00:00:00Z")), WindowKind::Outside);
        assert_eq!(campaign.windows.len(), 49 * 4);
    }

    #[test]
    fn the_next_windows_include_the_one_that_is_running() {
        let campaign = app_passwords();
        let now = "2026-07-03T07:00:00Z".parse().expect("a valid instant");
        let next = campaign.windows_after(now, 2);
        assert_eq!(next.iter().map(|w| Day::of_ms(w.from_ms).to_string()).collect::<Vec<_>>(), ["2026-07-03", "2026-07-03"]);
        assert!(campaign.windows_after("2026-07-28T00:00:00Z".parse().expect("a valid instant"), 5).is_empty());
    }

    #[test]
    fn what_is_compiled_in_is_read() {
        for (name, text) in BUILTIN {
            let kind = read(name, text, None).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert_eq!(format!("builtin:{}", kind.id()), name);
        }
    }

    #[test]
    fn a_host_bound_predicate_looks_at_the_place_and_its_credential_both() {
        let campaign = campaign(SSH_HOST);
        let at = |host: &str| campaign.legacy.fits(Some(host), None);
        assert!(at("bitbucket.org") && at("bitbucket.org:22") && !at("ssh.bitbucket.org:22") && !at("altssh.bitbucket.org:443"));
        assert!(campaign.is_legacy(Credential::SshKey) && !campaign.is_legacy(Credential::AppPassword));
        assert!(!campaign.legacy.fits(None, None), "nobody knows where it went");
        assert!(campaign.replacement.fits(Some("ssh.bitbucket.org:22"), None));
        assert!(campaign.replacement.counts(Outcome::Unknown) && !campaign.replacement.counts(Outcome::Rejected));
        let app_passwords = app_passwords();
        assert!(!app_passwords.legacy.is_bound() && app_passwords.legacy.fits(None, None));
        assert!(!app_passwords.replacement.counts(Outcome::Unknown));
    }

    #[test]
    fn the_base_rules_go_by_the_campaign_that_retires_app_passwords() {
        let moved = "2026-08-04T00:00:00Z".parse().ok();
        let Ok(Kind::Use(later)) = read("later.toml", APP_PASSWORDS, moved) else { panic!("it is valid") };
        let ssh = campaign(SSH_HOST);
        assert_eq!(Campaign::calendar(&[ssh.clone(), (*later).clone(), app_passwords()]).removal, later.removal);
        assert_eq!(later.moved.last().map(|moved| moved.reason.as_str()), Some("overridden by the configuration"));
        assert_eq!(Campaign::calendar(&[ssh]).removal, app_passwords().removal);
        assert_eq!(Campaign::calendar(&[]).removal, app_passwords().removal);
    }

    #[test]
    fn words_that_a_file_leaves_out_fit_a_credential() {
        let words = app_passwords().words;
        assert_eq!((words.one.as_str(), words.many.as_str()), ("an app password", "app passwords"));
        assert_eq!((words.uses.of(1), words.uses.of(2)), ("signs in with", "sign in with"));
        assert_eq!((words.leftover.of(1), words.leftover.of(0)), ("stale secret", "stale secrets"));
        let words = campaign(SSH_HOST).words;
        assert_eq!((words.one.as_str(), words.ended.as_str()), ("SSH at bitbucket.org", "ended"));
    }

    #[test]
    fn every_slip_in_a_file_is_named_with_its_line() {
        let faults = |text: &str| -> Vec<String> {
            read("own.toml", text, None).expect_err("refused").iter().map(ToString::to_string).collect()
        };
        let broken = |from: &str, to: &str| faults(&APP_PASSWORDS.replacen(from, to, 1));
        assert_eq!(
            broken("\"app_password\"", "\"app_pasword\""),
            ["own.toml:15: legacy.credentials: `app_pasword` is no credential; did you mean `app_password`?"]
        );
        assert!(broken("minutes = 15", "minutes = 1000").concat().contains("brownout: two windows overlap on 2026-06-09"));
        assert_eq!(
            broken("noun  ", "nuon  "),
            ["own.toml:0: noun: is missing".replace(":0", ""), "own.toml:6: nuon: unknown key; did you mean `noun`?".to_owned()]
        );
        let many = "id = \"my own\"\nname = \"x\"\nnoun = \"things\"\nremoval = \"soon\"\nfreeze = \"2026-01-01\"\n\
            [words]\nuses = [\"does\"]\n[legacy]\nhosts = [\"bitbucket.og\", \"bitbucket.org:443\"]\n[replacement]\noutcomes = [\"accept\"]\n\
            [[brownout]]\nfrom = \"2026-01-02\"\nto = \"2026-01-01\"\nminutes = 5\nstarts = [\"9\"]\npublished = \"yes\"\n";
        assert_eq!(
            faults(many),
            [
                "own.toml: documentation: is missing",
                "own.toml:1: id: must be a short word without blanks or slashes",
                "own.toml:4: removal: `soon` is no date: write \"2026-07-28\" or \"2026-07-28T00:00:00Z\"",
                "own.toml:7: words.uses: must be two texts, for one and for many: [\"…\", \"…\"]",
                "own.toml:9: legacy.hosts: `bitbucket.og` is no host of Bitbucket; did you mean `bitbucket.org`?",
                "own.toml:9: legacy.hosts: `bitbucket.org:443`: the port goes without saying: leave it out",
                "own.toml:10: replacement: needs a condition: credentials, hosts or workspaces",
                "own.toml:11: replacement.outcomes: `accept` is no outcome; did you mean `accepted`?",
                "own.toml:14: brownout[0].to: lies before `from`",
                "own.toml:16: brownout[0].starts: `9` is no time of day: write \"06:00\"",
                "own.toml:17: brownout[0].published: must be true or false",
            ]
        );
        assert!(
            broken("removal = \"2026-07-28T00:00:00Z\"", "removal = \"2024-07-28T00:00:00Z\"")
                .concat()
                .contains("freeze: lies after the removal")
        );
        assert!(faults("kind = \"expired\"").concat().contains("`expired` is no kind of campaign; did you mean `expiry`?"));
    }
}
