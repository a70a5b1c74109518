//! Grades that are lifted where an integration's history is known: what one piece of evidence cannot say, the whole can.
//!
//! Two rules of the contract look at an integration, both about a 401, which by itself proves nothing:
//!
//! - [`EXPERIMENT`]: every brownout is an experiment on every integration. A credential that is accepted outside the
//!   published windows and refused in each of them is an app password: weak refusals inside them become strong. Windows
//!   that are only extrapolated may not have happened, and lift nothing.
//! - [`REMOVED`]: what last worked with an app password, and was never accepted since the removal, still presents it when
//!   it is refused: such refusals become those of an app password, weakly. An app password never went with an e-mail address
//!   or a reserved username: what is refused under one of these is something new that is tried. A 410 of git has rules of its
//!   own; one whose message none of them knows is lifted with the 401s, since what is counted by day keeps no status.
//!
//! One more looks at a secret, and comes before them:
//!
//! - [`SAME_SECRET`]: one secret is one kind of credential. Where a sender tells secrets apart (`secret_id`) and one line of a
//!   secret proves what it is, all other uses of it are of that kind, whatever their own lines leave open. Nothing is inferred
//!   here that could be otherwise; without a label, or without a proof under it, nothing is lifted.

use std::collections::HashMap;

use super::days::{Cell, add};
use crate::evidence::{Campaign, Credential, Day, Grade, History, Outcome, Verdict, WindowKind, is_reserved};

/// The id of the rule that lifts refusals inside published brownout windows.
pub const EXPERIMENT: &str = "lifted-by-brownouts";
/// The id of the rule that gives refusals after the removal a credential.
pub const REMOVED: &str = "lifted-after-removal";
/// The id of the rule that knows a credential by other uses of the same secret.
pub const SAME_SECRET: &str = "lifted-by-same-secret";

/// All of them.
pub(super) const RULES: [&str; 3] = [EXPERIMENT, REMOVED, SAME_SECRET];

/// As few as may happen by chance: below it an experiment says nothing.
const ENOUGH_USES: u64 = 3;

/// What the history of one integration lifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lift {
    /// Weak refusals inside published windows become strong.
    pub by_brownouts: bool,
    /// From this instant on (milliseconds since the epoch) refusals of an unknown credential are those of an app password.
    pub refused_since_ms: Option<i64>,
}

/// Why a rule that lifts does so, for people, a clause without a full stop.
pub(super) fn reason(id: &str) -> Option<&'static str> {
    match id {
        EXPERIMENT => Some(
            "it was accepted outside brownouts and refused inside the published ones, three times each at least, and nothing was \
             accepted inside: only an app password is treated so",
        ),
        REMOVED => {
            Some("its last accepted use lay before the removal and was of an app password, and nothing was accepted since")
        }
        SAME_SECRET => {
            Some("the same source proves on other lines what kind of credential this secret is, and a secret is of one kind")
        }
        _ => None,
    }
}

impl Lift {
    /// What the folded evidence of an integration lifts; `campaign` is the one that retires app passwords.
    pub(super) fn of(cells: &[Cell], campaign: &Campaign) -> Self {
        let removal_ms = campaign.removal.as_millisecond();
        let unexplained = |cell: &Cell| cell.credential == Credential::Unknown && cell.outcome == Outcome::Rejected;
        let after = cells.iter().any(|cell| unexplained(cell) && cell.last_ms >= removal_ms);
        Self {
            by_brownouts: experiment_succeeded(cells),
            refused_since_ms: (after && stopped_with_an_app_password(cells, removal_ms)).then_some(removal_ms),
        }
    }

    /// Whether nothing is lifted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Lifts the verdict on a use (or uses, the first of them) of the integration; the id of the rule that did, if one did.
    /// `old_name`: the username is one that app passwords go with.
    pub fn apply(&self, verdict: &mut Verdict, first_ms: i64, old_name: bool) -> Option<&'static str> {
        if verdict.outcome != Outcome::Rejected || !verdict.authentication {
            return None;
        }
        let weak = verdict.credential == Credential::AppPassword && verdict.grade == Grade::Weak;
        if self.by_brownouts && weak && verdict.window == WindowKind::Published {
            verdict.grade = Grade::Strong;
            return Some(EXPERIMENT);
        }
        let removed = self.refused_since_ms.is_some_and(|removal_ms| first_ms >= removal_ms);
        if removed && old_name && verdict.credential == Credential::Unknown {
            (verdict.credential, verdict.grade) = (Credential::AppPassword, Grade::Weak);
            return Some(REMOVED);
        }
        None
    }
}

/// Whether app passwords go with this username: the Bitbucket username, or one that is not told.
pub(super) fn is_old_name(username: Option<&str>) -> bool {
    username.is_none_or(|name| !name.contains('@') && !is_reserved(name))
}

/// Accepted outside windows, refused inside the published ones, often enough, and nothing at all accepted inside.
fn experiment_succeeded(cells: &[Cell]) -> bool {
    let (mut accepted_outside, mut refused_inside) = (0, 0);
    for cell in cells {
        let legacy = cell.credential == Credential::AppPassword;
        match cell.outcome {
            Outcome::Accepted if cell.uses_published > 0 => return false,
            Outcome::Accepted if legacy => add(&mut accepted_outside, cell.uses_outside()),
            Outcome::Rejected if legacy => add(&mut refused_inside, cell.uses_published),
            _ => {}
        }
    }
    accepted_outside >= ENOUGH_USES && refused_inside >= ENOUGH_USES
}

/// The last use that was accepted was of an app password, firmly known, before the removal. At the same instant any other
/// credential counts as the later one.
fn stopped_with_an_app_password(cells: &[Cell], removal_ms: i64) -> bool {
    let accepted = cells.iter().filter(|cell| cell.outcome == Outcome::Accepted);
    let firm = |cell: &Cell| cell.credential == Credential::AppPassword && cell.grade >= Grade::Strong;
    let last = accepted.map(|cell| (cell.last_ms, !firm(cell))).max();
    last.is_some_and(|(ms, otherwise)| ms < removal_ms && !otherwise)
}

/// What kind of credential each track's secret is proven to be.
#[derive(Clone, Debug)]
pub(super) struct SecretKinds {
    /// By track; none without a label, without a proof under it, and where two kinds are proven: then it was no label of one
    /// secret.
    of_tracks: Vec<Option<Credential>>,
}

impl SecretKinds {
    /// By all that is known up to the end of a day. A label means something to its sender alone.
    pub(super) fn of(history: &History, last: Day) -> Self {
        let label = |track: usize| {
            let shown = &history.tracks[track];
            Some((shown.source.as_str(), shown.track.secret_id.as_deref()?))
        };
        let mut proven: HashMap<(&str, &str), Option<Credential>> = HashMap::new();
        for track in 0..history.tracks.len() {
            let Some(label) = label(track) else { continue };
            for count in history.counts.of(track).filter(|count| count.verdict.grade == Grade::Proven && count.day <= last) {
                let kind = proven.entry(label).or_insert(Some(count.verdict.credential));
                *kind = kind.filter(|kind| *kind == count.verdict.credential);
            }
        }
        let of = |track| label(track).and_then(|label| proven.get(&label).copied().flatten());
        Self { of_tracks: (0..history.tracks.len()).map(of).collect() }
    }

    /// Lifts a verdict on uses of a track that by themselves say little; the id of the rule, if it did.
    pub(super) fn apply(&self, verdict: &mut Verdict, track: usize) -> Option<&'static str> {
        let kind = self.of_tracks[track].filter(|_| verdict.authentication && verdict.grade <= Grade::Weak)?;
        (verdict.credential, verdict.grade) = (kind, Grade::Proven);
        Some(SAME_SECRET)
    }
}
