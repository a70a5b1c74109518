//! What the judgement found: the only input of the report besides what the service knows of itself.

use jiff::Timestamp;

use super::{Lift, Silence, explain::Trace};
use crate::evidence::{Campaign, Category, Credential, Day, Grade, Origin, Outcome, Status, vocabulary::spelled};

/// Everything that was judged at one instant.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The instant it is seen from; for `--as-of DATE` the end of that day.
    pub now: Timestamp,
    pub campaigns: Vec<CampaignFindings>,
    /// Sorted by user id.
    pub users: Vec<UserFinding>,
    /// Sorted by date, user, integration, workspace, credential, grade, outcome.
    pub authentications: Vec<Authentication>,
    /// Sorted by expiry (none last), then token id.
    pub tokens: Vec<TokenFinding>,
    /// What each integration is made of, also those without legacy evidence; sorted by id.
    pub traces: Vec<Trace>,
    /// Keys met for the first time, and old keys that now stand for another integration; the store keeps them.
    pub new_keys: Vec<IntegrationKey>,
    /// What became of integrations that go by another name than in the judgement before, or by none of their own.
    pub reidentified: Vec<Reidentified>,
    /// Sources that are read and show nothing any more, sorted by name.
    pub silences: Vec<Silence>,
}

impl Findings {
    /// The UTC day that is seen, as far as it has gone; for the end of a day that day, not the next one.
    pub fn today(&self) -> Day {
        Day::of_ms(self.now.as_millisecond() - 1)
    }

    /// Leaves only what one owner answers for; the counts of the burn-down stay those of the whole organisation.
    pub fn keep_owner(&mut self, owner: &str) {
        let own = |name: &Option<String>| name.as_deref() == Some(owner);
        for found in &mut self.campaigns {
            found.integrations.retain(|integration| own(&integration.owner));
        }
        self.users.retain(|user| own(&user.owner));
        self.tokens.retain(|token| own(&token.owner));
        let left = self.campaigns.iter().flat_map(|found| &found.integrations);
        let left: std::collections::BTreeSet<&str> = left.map(|integration| integration.id.as_str()).collect();
        self.authentications.retain(|row| left.contains(row.integration.as_str()));
    }
}

#[derive(Clone, Debug)]
pub struct CampaignFindings {
    pub campaign: Campaign,
    /// Every integration with legacy evidence: ranked ones by rank, then the others by id.
    pub integrations: Vec<Integration>,
    /// One row for each UTC day from the first legacy evidence to the last whole day, as known now; the last row is the
    /// day of `now` as far as it has gone.
    pub burndown: Vec<BurndownDay>,
}

/// Who uses an integration, as well as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// Account id, else `email:…`, else `name:…`; empty when nobody is named.
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

spelled!(
    /// How well it is known whom a name stands for.
    NameState {
        /// One user, or an account that evidence names itself.
        Resolved = "resolved",
        /// Several users, and nothing tells which.
        Ambiguous = "ambiguous",
        /// Nobody that an inventory knows, or nobody is named.
        Unresolved = "unresolved",
    }
);

/// User + client + origin: the unit that somebody has to migrate.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Eight base32 characters, lower case; stable for ever.
    pub id: String,
    /// Ids of integrations that turned out to be this one, sorted; waivers and closures may still name them.
    pub former_ids: Vec<String>,
    /// 1 for the first; only remaining and stale integrations have one.
    pub rank: Option<u32>,
    pub status: Status,
    pub returned: bool,
    /// The waiver that holds now, if one does: an index into the policy's waivers.
    pub waiver: Option<usize>,
    /// Rejected only inside brownout windows.
    pub window_only: bool,
    pub unseen_since: Option<Timestamp>,
    /// The best grade of its legacy evidence within the horizon (else of all of it).
    pub grade: Grade,
    pub score: f64,
    /// What the score is made of, in the order in which it is explained.
    pub terms: Vec<Term>,
    pub user: Person,
    pub name_state: NameState,
    /// Its user's account is known and is a member of no workspace any more, by lists that were read whole.
    pub leaver: bool,
    /// The other remaining or stale integrations that present the same legacy secret, as far as senders label secrets; sorted.
    pub secret_shared_with: Vec<String>,
    pub owner: Option<String>,
    pub owner_email: Option<String>,
    /// What made the owner the owner, in words.
    pub owner_why: Option<String>,
    pub lead_time_days: i32,
    /// Sorted; the most used first is [`Integration::workspace`].
    pub workspaces: Vec<String>,
    /// The workspace that it uses most.
    pub workspace: Option<String>,
    /// Catalogue id, or `unknown`.
    pub client: String,
    pub client_name: String,
    pub category: Category,
    pub origin: String,
    /// None until the rhythm is known well enough.
    pub machine: Option<bool>,
    /// The 90th percentile of the gaps between days of legacy use; none below three such days.
    pub period_days: Option<f64>,
    /// Covered days since the last legacy use.
    pub silent_days: u32,
    /// The horizon: after so many covered days of silence legacy use counts as over.
    pub horizon_days: f64,
    /// Covered days of silence that are still missing until legacy use counts as over everywhere.
    pub days_to_silence: u32,
    /// Of legacy use, as are the following.
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub last_accepted: Option<Timestamp>,
    pub last_rejected: Option<Timestamp>,
    /// Legacy uses on the last 7 UTC days, the day of `now` included.
    pub uses_7d: u64,
    pub uses_30d: u64,
    pub rejected_30d: u64,
    pub writes_30d: u64,
    /// `workspace/repository`, sorted.
    pub repositories: Vec<String>,
    pub highest_permission: Option<String>,
    /// The replacement credential it was last accepted with.
    pub replacement: Option<Credential>,
    pub replacement_last_seen: Option<Timestamp>,
    pub replacement_rejected_30d: u64,
    pub deadline: Timestamp,
    pub latest_safe_start: Timestamp,
    /// What to create, which username, in one sentence, from the client catalogue.
    pub advice: String,
    /// Why it has this status and grade, in words, most important first.
    pub reasons: Vec<String>,
    /// An accepted use of a proven app password after the removal.
    pub contradiction: bool,
    /// What its history says of evidence that by itself says less.
    pub lift: Lift,
    /// Sources that have shown it, sorted.
    pub sources: Vec<String>,
}

impl Integration {
    /// Weak evidence makes it possible; strong or proven evidence makes it known.
    pub fn known(&self) -> bool {
        self.grade >= Grade::Strong
    }
}

/// One factor or summand of a score, in units that a person understands.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub name: &'static str,
    pub value: f64,
    /// The same in words: `12 uses a week`, `removal in 25 days, the team needs 45`.
    pub words: String,
}

/// Counts as they stood at the end of a day, from what is known now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BurndownDay {
    pub day: Day,
    pub remaining: u32,
    pub remaining_known: u32,
    pub active: u32,
    pub failing: u32,
    pub migrating: u32,
    pub stale: u32,
    pub quiet: u32,
    pub migrated: u32,
    pub retired: u32,
    pub users_remaining: u32,
    /// Legacy uses of that day.
    pub uses: u64,
    pub rejected: u64,
}

#[derive(Clone, Debug)]
pub struct UserFinding {
    pub user: Person,
    pub owner: Option<String>,
    pub remaining_integrations: u32,
    pub legacy_uses_30d: u64,
    pub replacement_uses_30d: u64,
    pub other_uses_30d: u64,
    pub last_legacy: Option<Timestamp>,
    pub live_api_tokens: Option<u32>,
    pub last_accessed: Option<Timestamp>,
    pub highest_permission: Option<String>,
    /// None until the judgement of who is not observed exists.
    pub observed: Option<bool>,
    /// None when no member list could be read.
    pub member: Option<bool>,
}

/// How often one user's integration signed in on one day, one way; the same use seen by two sources counts once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authentication {
    pub day: Day,
    /// User id; empty when nobody is named.
    pub user: String,
    /// The integration's id.
    pub integration: String,
    pub workspace: String,
    pub credential: Credential,
    pub grade: Grade,
    pub outcome: Outcome,
    pub uses: u64,
}

#[derive(Clone, Debug)]
pub struct TokenFinding {
    pub token: String,
    pub kind: Credential,
    pub label: String,
    pub user: Person,
    pub owner: Option<String>,
    pub integration: Option<String>,
    pub status: String,
    pub created_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// Whole days until it expires, negative after.
    pub days_left: Option<i32>,
    /// The source that lists it: `tokens/acme`.
    pub listed_by: String,
}

/// One key (user, client, origin) and the integration it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntegrationKey {
    pub id: String,
    pub user: String,
    pub client: String,
    pub origin: Origin,
}

/// What the store remembers of an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIntegration {
    pub id: String,
    /// When it became known.
    pub since: Timestamp,
    /// Every key that ever stood for it; the last one is the one it goes by.
    pub keys: Vec<IntegrationKey>,
    /// Ids of integrations that it took in.
    pub former_ids: Vec<String>,
}

/// An integration that goes by another name than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reidentified {
    pub integration: String,
    /// It is part of this one now; none while it stands for itself.
    pub taken_in_by: Option<String>,
    pub words: String,
}

spelled!(
    /// Why an integration's status is another than in the judgement before.
    ChangeCause {
        Discovered = "discovered",
        Migrated = "migrated",
        Retired = "retired",
        Returned = "returned",
        Reclassified = "reclassified",
        Coverage = "coverage",
        /// A step on the way that is none of the others: active to failing, active to quiet.
        Moved = "moved",
    }
);

/// A change of status between two judgements, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub day: Day,
    pub campaign: String,
    pub integration: String,
    /// None for one that was not known.
    pub from: Option<Status>,
    /// None for one that is no more: it was taken in by another, or no evidence is left that counts.
    pub to: Option<Status>,
    pub cause: ChangeCause,
    pub reason: String,
}

/// Every integration's status at one instant, to compare the next judgement with.
pub type Statuses = std::collections::BTreeMap<(String, String), Status>;
