//! What the judgement found: the only input of the report besides what the service knows of itself.

use jiff::Timestamp;

use super::{Authentications, Forecast, Lift, Silence, explain::Trace, rank::total};
use crate::evidence::{Campaign, Category, Credential, Day, Grade, Origin, Outcome, Status, Window, vocabulary::spelled};

/// Everything that was judged at one instant.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The instant it is seen from; for `--as-of DATE` the end of that day.
    pub now: Timestamp,
    pub campaigns: Vec<CampaignFindings>,
    /// Sorted by user id.
    pub users: Vec<UserFinding>,
    pub authentications: Authentications,
    /// Sorted by expiry (none last), then token id.
    pub tokens: Vec<TokenFinding>,
    /// What each integration is made of, also those without legacy evidence; sorted by id.
    pub traces: Vec<Trace>,
    /// Keys met for the first time, and old keys that now stand for another integration; the store keeps them.
    pub new_keys: Vec<IntegrationKey>,
    /// What became of integrations that go by another name than in the judgement before, or by none of their own.
    pub reidentified: Vec<Reidentified>,
    /// Whom nobody sees; none after the removal.
    pub observation: Option<Observation>,
    /// Sources that are read and show nothing any more, sorted by name.
    pub silences: Vec<Silence>,
}

impl Findings {
    /// The UTC day that is seen, as far as it has gone; for the end of a day that day, not the next one.
    pub fn today(&self) -> Day {
        Day::of_ms(self.now.as_millisecond() - 1)
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
    /// The next brownout windows, the one that is running included.
    pub windows: Vec<NextWindow>,
    pub forecast: Forecast,
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
    /// The day by which its owner declared it gone, if nothing has disproved that.
    pub closed: Option<Day>,
    /// Something else was seen of it after the last legacy use.
    pub seen_since: bool,
    pub unseen_since: Option<Timestamp>,
    /// The best grade of its legacy evidence within the horizon (else of all of it).
    pub grade: Grade,
    pub score: f64,
    /// The share of the week after the removal in which it is expected to use the legacy credential still; after the
    /// removal, the probability that it still does.
    pub stays: f64,
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
    /// Works like a machine; none while that is not likely enough either way.
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
    /// Rejected legacy uses a week at the present rate; recent weeks weigh most.
    pub weekly_rejected: f64,
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
    pub rhythm: Rhythm,
    /// Expected legacy uses in an average coming week, at the present rate.
    pub weekly_uses: f64,
    pub brownouts: Brownouts,
    pub exposure: Exposure,
    /// Of migrated and migrating integrations.
    pub proof: Option<Proof>,
    /// Why replacements were refused in the last 30 days, if any was.
    pub trap: Option<Trap>,
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

spelled!(
    /// How regularly an integration works.
    RhythmKind {
        /// Too few days of use to say.
        Unknown = "unknown",
        Daily = "daily",
        WorkingDays = "working_days",
        Weekly = "weekly",
        Monthly = "monthly",
        /// Every so many days.
        Interval = "interval",
        /// Several periods at once: nightly and weekly.
        Several = "several",
        Irregular = "irregular",
    }
);

/// How an integration works, beside the contract's period.
#[derive(Clone, Debug, PartialEq)]
pub struct Rhythm {
    pub kind: RhythmKind,
    /// `runs every day after 02:00 UTC, and on Sundays after 05:00 UTC (likely)`.
    pub words: String,
    /// Of the first period, 0 to 1; 0 where there is none.
    pub confidence: f64,
    /// Whether it works like a machine; none while neither is likely enough.
    pub machine: Option<bool>,
    pub machine_probability: Option<f64>,
    /// From when until when the next use is expected: an hour, a day, or a range of days; the end is excluded.
    pub next: Option<(Timestamp, Timestamp)>,
    /// Days since the last use on which it was due, somebody looked, and nothing was seen.
    pub missed: u32,
    /// What its silence means; empty while there is none.
    pub silence: String,
}

/// What brownout windows of one kind did to an integration while it was in use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Experiment {
    /// Windows that are over, on days that were seen.
    pub windows: u32,
    /// Legacy uses that its habits outside brownouts let expect in them.
    pub expected: f64,
    pub seen: u64,
    pub rejected: u64,
    pub accepted: u64,
}

/// Every brownout is an experiment: what is accepted outside and refused inside breaks at the removal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brownouts {
    pub published: Experiment,
    /// Windows that may not have happened as they were guessed.
    pub extrapolated: Experiment,
    pub accepted_outside: u64,
    pub rejected_outside: u64,
    /// Uses that were expected inside windows since it was last refused, or firmly seen to be the legacy credential.
    pub spared: f64,
    /// The same in words; empty without a window that was met.
    pub words: Vec<String>,
}

/// What the next windows and the removal are expected to hit, at the present rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// Expected legacy uses by UTC hour of an average day.
    pub by_hour: [f64; 24],
    /// Expected legacy uses inside each of [`CampaignFindings::windows`].
    pub windows: Vec<f64>,
    /// Expected legacy uses on the seven days from the removal; after it, on the coming seven days.
    pub first_week: f64,
    /// The days that all of it is measured on, of those that were seen.
    pub days: f64,
}

spelled!(
    /// What goes wrong with a replacement that is tried.
    TrapKind {
        EmailOnGit = "email_on_git",
        NoEmailOnRest = "no_email_on_rest",
        AccessTokenName = "access_token_name",
        Expired = "expired",
        /// The username is not at fault: scopes, product or expiry.
        RightUsername = "right_username",
    }
);

/// What most of the refusals of a replacement fell into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    pub kind: TrapKind,
    /// Refusals of this kind in the last 30 days.
    pub uses: u64,
    /// The trap and the step that mends it.
    pub words: String,
}

/// What proves that an integration has migrated, and what of it is missing while it is migrating.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    pub last_legacy: Timestamp,
    /// The first accepted use of a replacement.
    pub first_replacement: Timestamp,
    /// Accepted uses of a replacement after the last legacy use.
    pub uses_since: u64,
    /// Covered days without legacy use, and how many are enough.
    pub quiet_days: u32,
    pub needed_days: f64,
    /// Days after the last legacy use on which a replacement was accepted inside a brownout window.
    pub survived_published_days: u32,
    pub survived_extrapolated_days: u32,
    /// In words; empty for a migrated one.
    pub missing: Vec<String>,
}

/// A brownout to come, and what is expected to run in it.
#[derive(Clone, Debug, PartialEq)]
pub struct NextWindow {
    pub window: Window,
    /// Expected legacy uses of all remaining integrations of this report.
    pub expected: f64,
    /// Remaining integrations that are more likely than not to run in it.
    pub integrations: u32,
    /// The ids of the most exposed of them, and their expected uses.
    pub most_exposed: Vec<(String, f64)>,
}

impl NextWindow {
    /// Expected uses from which on an integration is named among those that a window hits.
    const LIKELY: f64 = 0.5;
    const MOST_EXPOSED: usize = 5;

    /// Whether so many expected uses make it more likely than not that something runs in a window.
    pub fn hits(expected: f64) -> bool {
        expected >= Self::LIKELY
    }

    /// What is expected in each of the windows that the exposure of these integrations speaks of.
    pub(super) fn all(windows: &[Window], integrations: &[Integration]) -> Vec<Self> {
        windows.iter().enumerate().map(|(number, window)| Self::of(number, *window, integrations)).collect()
    }

    fn of(number: usize, window: Window, integrations: &[Integration]) -> Self {
        let remaining = integrations.iter().filter(|row| row.status.remaining());
        let mut uses: Vec<(&str, f64)> =
            remaining.map(|row| (row.id.as_str(), row.exposure.windows.get(number).copied().unwrap_or(0.0))).collect();
        // Stable: the ranking breaks ties.
        uses.sort_by(|a, b| b.1.total_cmp(&a.1));
        let likely = || uses.iter().take_while(|(_, uses)| Self::hits(*uses));
        Self {
            window,
            expected: total(uses.iter().map(|(_, uses)| *uses)),
            integrations: u32::try_from(likely().count()).unwrap_or(u32::MAX),
            most_exposed: likely().take(Self::MOST_EXPOSED).map(|(id, uses)| ((*id).to_owned(), *uses)).collect(),
        }
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
    /// How many of how many active people were observed: on the last day only, since past activities are not kept.
    pub observed: Option<Share>,
}

/// A part of a whole, as two counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub part: u32,
    pub whole: u32,
}

impl Share {
    /// None of nothing.
    pub fn ratio(self) -> Option<f64> {
        (self.whole > 0).then(|| f64::from(self.part) / f64::from(self.whole))
    }
}

/// What a judgement told of a day, as it was told then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedDay {
    pub day: Day,
    pub remaining: u32,
    pub observed: Option<Share>,
}

/// Of whom something can be seen at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Sorted by name.
    pub workspaces: Vec<ObservedWorkspace>,
    /// People who are active in any workspace whose activities are told, and how many of them were seen.
    pub active: u32,
    pub observed: u32,
    /// Names that were seen lately and lead to no account: they may be some of those who were not.
    pub strangers: u32,
}

/// One workspace's people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedWorkspace {
    pub workspace: String,
    pub activity: Activity,
    /// People on its member list.
    pub members: u32,
    /// Of them, those who were active lately; 0 where that is not told.
    pub active: u32,
    /// Of the active, else of all members, those whom a source that can show credentials has seen.
    pub observed: u32,
}

impl ObservedWorkspace {
    /// The observed share of the active; none where nobody knows who is active, or nobody is.
    pub fn share(&self) -> Option<Share> {
        let share = Share { part: self.observed, whole: self.active };
        (self.activity == Activity::Told && self.active > 0).then_some(share)
    }
}

/// What Bitbucket tells of last activities in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    Told,
    /// The member list could not be read.
    NoList,
    NeverTold,
    /// Nothing after this day, though members were seen at work.
    NoLongerTold(Day),
    /// The day that is looked back on is past, and somebody was active later: only the newest activity is kept.
    NotKept,
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
    /// False for whoever works and was seen by no source that can show credentials; none where that cannot be said, and
    /// after the removal.
    pub observed: Option<bool>,
    /// None when not every member list could be read.
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
    /// The integrations that it was seen in, sorted.
    pub integrations: Vec<String>,
    pub status: String,
    pub created_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// Whole days until it expires, negative after.
    pub days_left: Option<i32>,
    /// How long its owner needs to renew it.
    pub lead_time_days: i32,
    /// Its user has left every workspace that is read.
    pub leaver: bool,
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

impl IntegrationKey {
    /// The client as readers know it.
    pub fn shown_client(&self) -> &str {
        super::classify::shown_client(&self.client)
    }
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
