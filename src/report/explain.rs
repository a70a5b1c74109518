//! The explanation of one integration or user as a document: for a terminal, and as JSON. Names are inert when it is built.

mod text;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    document::{IntegrationRow, TokenRow, UserRow, text as spelt, text_or_null},
    inert, rows,
    steps::{self, StepsRow},
};
use crate::{
    analysis::{
        IntegrationKey,
        explain::{Evidence, ExplainedIntegration, ExplainedUser, ExplainedVerdict, Explanation, Unknown},
    },
    evidence::{Client, ClientCatalogue, Credential, Day, Grade, Operation, Outcome, WindowKind},
};
pub use text::text;

/// What stands behind a row. JSON has the same fields.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    pub now: Timestamp,
    #[serde(skip)]
    pub zone: TimeZone,
    /// Set when a user was asked for.
    pub user: Option<ExplainedUserRow>,
    pub integrations: Vec<ExplainedRow>,
    /// Newest first.
    pub evidence: Vec<EvidenceRow>,
    /// Single pieces of days before it were removed because of their age (`[store] keep_raw`); null when none ever was.
    #[serde(serialize_with = "text_or_null")]
    pub kept_from: Option<Day>,
    pub rules: Vec<RuleRow>,
    /// What was counted beside the evidence that stands here; null when everything does.
    pub more: Option<MoreRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ExplainedUserRow {
    pub user: String,
    pub user_name: String,
    pub user_email: String,
    /// Null for somebody whom only evidence names.
    pub figures: Option<UserRow>,
    pub memberships: Vec<MembershipRow>,
    pub tokens: Vec<TokenRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MembershipRow {
    pub workspace: String,
    pub permission: String,
    pub last_accessed: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ExplainedRow {
    pub integration: String,
    pub user: String,
    pub user_name: String,
    pub client: String,
    pub client_name: String,
    /// False where only an unverified fragment of its user agent is known.
    pub client_verified: bool,
    pub origin: String,
    /// Every name that it went by, the present one included.
    pub names: Vec<NameRow>,
    pub verdicts: Vec<VerdictRow>,
    pub guess: Option<GuessRow>,
    pub versions: Vec<VersionRow>,
    pub steps: Option<StepsRow>,
    pub steps_if_guessed: Option<StepsRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NameRow {
    pub user: String,
    pub client: String,
    pub origin: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct VerdictRow {
    pub campaign_name: String,
    #[serde(flatten)]
    pub row: IntegrationRow,
    /// Whole covered days since the last legacy use.
    pub silent_days: u32,
    /// Covered days of silence after which legacy use counts as over.
    pub horizon_days: f64,
    /// What made the owner the owner; empty without one.
    pub owner_why: String,
    /// What past brownouts did to it, in words.
    pub brownouts_met: Vec<String>,
    pub sources: Vec<String>,
    /// What proves that it has moved; null while it uses no replacement.
    pub proof: Option<ProofOfMoveRow>,
    pub would_change: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ProofOfMoveRow {
    pub last_legacy: Timestamp,
    pub first_replacement: Timestamp,
    /// Accepted uses of a replacement after the last legacy use.
    pub uses_since: u64,
    /// Covered days without legacy use, and how many are enough.
    pub quiet_days: u32,
    pub needed_days: f64,
    /// Days on which a replacement was accepted inside a brownout.
    pub survived_published_days: u32,
    pub survived_extrapolated_days: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct GuessRow {
    pub client: String,
    pub words: String,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct VersionRow {
    pub version: String,
    pub last_seen: Timestamp,
    pub too_old: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct EvidenceRow {
    pub time: Timestamp,
    /// The last of several uses; null for one.
    pub until: Option<Timestamp>,
    /// False where only the count of a day is left.
    pub kept: bool,
    pub uses: u64,
    pub source: String,
    pub integration: String,
    pub workspace: String,
    pub repository: String,
    /// The name as it was presented.
    pub presented: String,
    pub client_ip: String,
    pub user_agent: String,
    pub origin: String,
    pub host: String,
    pub scheme: String,
    pub secret_prefix: String,
    pub auth_type: String,
    pub token_label: String,
    pub method: String,
    pub path: String,
    pub status: Option<u16>,
    pub message: String,
    pub action: String,
    #[serde(serialize_with = "spelt")]
    pub operation: Operation,
    #[serde(serialize_with = "spelt")]
    pub brownout: WindowKind,
    #[serde(serialize_with = "spelt")]
    pub credential: Credential,
    #[serde(serialize_with = "spelt")]
    pub grade: Grade,
    #[serde(serialize_with = "spelt")]
    pub outcome: Outcome,
    pub rule: String,
    #[serde(serialize_with = "text_or_null")]
    pub lifted_credential: Option<Credential>,
    #[serde(serialize_with = "text_or_null")]
    pub lifted_grade: Option<Grade>,
    /// The rule that lifted it; empty when nothing did.
    pub lifted_by: String,
    /// It was counted otherwise when it was recorded.
    pub recorded_otherwise: bool,
    /// It leaves open something of what its integration is, and fits nothing else.
    pub open: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleRow {
    pub rule: String,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct MoreRow {
    pub uses: u64,
    #[serde(serialize_with = "spelt")]
    pub oldest: Day,
}

impl Explained {
    /// The integration or the user that was asked for, by the name that it is shown under.
    pub fn id(&self) -> &str {
        match (&self.user, self.integrations.first()) {
            (Some(user), _) => &user.user,
            (None, Some(integration)) => &integration.integration,
            (None, None) => "",
        }
    }
}

/// Makes the document; single pieces are kept from a day on.
pub fn document(explanation: &Explanation, clients: &ClientCatalogue, zone: &TimeZone, kept_from: Option<Day>) -> Explained {
    Explained {
        now: explanation.now,
        zone: zone.clone(),
        user: explanation.user.as_ref().map(|user| self::user(user, explanation.now)),
        integrations: explanation.integrations.iter().map(|i| integration(i, clients, explanation.now)).collect(),
        evidence: explanation.evidence.iter().map(evidence).collect(),
        kept_from,
        rules: explanation
            .rules
            .iter()
            .map(|rule| RuleRow { rule: inert::name(&rule.id), reason: inert::sentence(&rule.reason) })
            .collect(),
        more: explanation.more.map(|more| MoreRow { uses: more.uses, oldest: more.oldest }),
    }
}

/// Why nothing is explained, in one sentence; `near` is the name that may have been meant.
pub fn unknown(asked: &str, unknown: &Unknown, near: Option<&str>) -> String {
    let asked = inert::name(asked);
    match (unknown, near) {
        (Unknown::Several(users), _) => {
            let users: Vec<String> = users.iter().map(|user| inert::name(user)).collect();
            format!("`{asked}` may be several users: {}", users.join(", "))
        }
        (Unknown::Nobody(_), Some(near)) => {
            format!("there is no integration and no user `{asked}`; did you mean `{}`?", inert::name(near))
        }
        (Unknown::Nobody(_), None) => format!("there is no integration and no user `{asked}`"),
    }
}

fn optional(name: Option<&str>) -> String {
    name.map(inert::name).unwrap_or_default()
}

fn user(user: &ExplainedUser, now: Timestamp) -> ExplainedUserRow {
    let person = &user.person;
    ExplainedUserRow {
        user: inert::name(&person.id),
        user_name: optional(person.name.as_deref()),
        user_email: optional(person.email.as_deref()),
        figures: user.finding.as_ref().map(rows::user),
        memberships: user
            .memberships
            .iter()
            .map(|member| MembershipRow {
                workspace: inert::name(&member.workspace),
                permission: optional(member.permission.as_deref()),
                last_accessed: member.last_accessed.filter(|at| *at <= now),
            })
            .collect(),
        tokens: user.tokens.iter().map(|t| rows::token(t, now)).collect(),
    }
}

fn integration(i: &ExplainedIntegration, clients: &ClientCatalogue, now: Timestamp) -> ExplainedRow {
    let client = clients.get(i.key.shown_client());
    ExplainedRow {
        integration: inert::name(&i.key.id),
        user: inert::name(&i.key.user),
        user_name: optional(i.user.name.as_deref()),
        client: inert::name(i.key.shown_client()),
        client_name: client.map_or_else(|| inert::name(i.key.shown_client()), |client| inert::sentence(&client.name)),
        client_verified: client.is_none_or(Client::verified),
        origin: inert::name(&i.key.origin.text()),
        names: i.names.iter().map(name).collect(),
        verdicts: i.verdicts.iter().map(|verdict| self::verdict(verdict, clients, now)).collect(),
        guess: i.guess.as_ref().map(|guess| GuessRow {
            client: optional(guess.client.as_deref()),
            words: inert::sentence(&guess.words),
            reason: inert::sentence(&guess.reason),
        }),
        versions: i
            .versions
            .iter()
            .map(|v| VersionRow { version: inert::name(&v.version), last_seen: v.last_seen, too_old: v.too_old })
            .collect(),
        steps: i.steps.as_ref().map(steps::row),
        steps_if_guessed: i.steps_if_guessed.as_ref().map(steps::row),
    }
}

fn name(key: &IntegrationKey) -> NameRow {
    NameRow { user: inert::name(&key.user), client: inert::name(key.shown_client()), origin: inert::name(&key.origin.text()) }
}

fn verdict(verdict: &ExplainedVerdict, clients: &ClientCatalogue, now: Timestamp) -> VerdictRow {
    VerdictRow {
        campaign_name: inert::name(&verdict.campaign.name),
        row: rows::integration(&verdict.row, &verdict.campaign, clients, now),
        silent_days: verdict.row.silent_days,
        horizon_days: verdict.row.horizon_days,
        brownouts_met: verdict.row.brownouts.words.iter().map(|words| inert::sentence(words)).collect(),
        owner_why: verdict.row.owner_why.as_deref().map(inert::sentence).unwrap_or_default(),
        sources: verdict.row.sources.iter().map(|source| inert::name(source)).collect(),
        proof: verdict.row.proof.as_ref().map(|proof| ProofOfMoveRow {
            last_legacy: proof.last_legacy,
            first_replacement: proof.first_replacement,
            uses_since: proof.uses_since,
            quiet_days: proof.quiet_days,
            needed_days: proof.needed_days,
            survived_published_days: proof.survived_published_days,
            survived_extrapolated_days: proof.survived_extrapolated_days,
        }),
        would_change: verdict.would_change.iter().map(|words| inert::sentence(words)).collect(),
    }
}

fn evidence(piece: &Evidence) -> EvidenceRow {
    let track = &piece.track;
    let s = piece.sighting.as_ref();
    let presented = [&track.username, &track.email, &track.account_id, &track.display_name].into_iter().flatten().next();
    EvidenceRow {
        time: piece.first,
        until: (piece.last > piece.first).then_some(piece.last),
        kept: s.is_some(),
        uses: piece.uses,
        source: inert::name(&piece.source),
        integration: inert::name(&piece.integration),
        workspace: optional(track.workspace.as_deref()),
        repository: optional(track.repository.as_deref()),
        presented: optional(presented.map(String::as_str)),
        client_ip: s.and_then(|s| s.client_ip).map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: optional(s.and_then(|s| s.user_agent.as_deref())),
        origin: inert::name(&track.origin.text()),
        host: optional(track.host.as_deref()),
        scheme: optional(s.and_then(|s| s.scheme.as_deref())),
        secret_prefix: optional(s.and_then(|s| s.secret_prefix.as_deref())),
        auth_type: optional(s.and_then(|s| s.auth_type.as_deref())),
        token_label: optional(track.token_label.as_deref()),
        method: optional(s.and_then(|s| s.method.as_deref())),
        path: optional(s.and_then(|s| s.path.as_deref())),
        status: s.and_then(|s| s.status),
        message: s.and_then(|s| s.message.as_deref()).map(inert::sentence).unwrap_or_default(),
        action: optional(s.and_then(|s| s.action.as_deref())),
        operation: piece.verdict.operation,
        brownout: piece.verdict.window,
        credential: piece.verdict.credential,
        grade: piece.verdict.grade,
        outcome: piece.verdict.outcome,
        rule: inert::name(&piece.rule),
        lifted_credential: piece.lifted.as_ref().map(|lifted| lifted.credential),
        lifted_grade: piece.lifted.as_ref().map(|lifted| lifted.grade),
        lifted_by: piece.lifted.as_ref().map(|lifted| lifted.rule.to_owned()).unwrap_or_default(),
        recorded_otherwise: piece.recorded_otherwise,
        open: piece.open,
    }
}
