//! What comes first: expected damage at the removal, and how late it already is.
//!
//! ```text
//! score = certainty × kind × (1 + uses + repositories + writes + rights) × standing × lateness
//! ```
//!
//! | term | unit and value |
//! |---|---|
//! | certainty | factor by grade, how surely it breaks: weak 0.4, strong 0.85, proven 1 |
//! | kind | factor by category: CI, GitOps, IaC, backup 1.5; other shared software 1.2; scripts and unknown 1; a person's tool 0.6 |
//! | uses | log2(1 + legacy uses a week, from the last 30 days) |
//! | repositories | ½ log2(1 + repositories) |
//! | writes | ½ when it wrote in the last 30 days |
//! | rights | read 0, write ½, admin 1 |
//! | standing | factor: failing 1.2, active 1, migrating ½, quiet halves with every horizon of silence, stale 0.1 |
//! | lateness | 2^((lead time − days left) / 30), at least ¼ and at most 4 |
//!
//! After the removal nothing is expected any more and lateness is gone. What is broken comes first: the score of a
//! failing integration is 100 + its rejected uses a week; the others keep the product, which stays below 100.
//!
//! Ties are broken by the integration's id, so that the order is total.

use super::{Integration, Term};
use crate::evidence::{Category, Grade, Status};

/// Lateness doubles the score with every this many days.
const LATENESS_DOUBLES_DAYS: f64 = 30.0;
const LATENESS_BOUNDS: (f64, f64) = (0.25, 4.0);
/// Weeks in the 30 days that rates are taken from.
const WEEKS: f64 = 30.0 / 7.0;
/// After the removal every failing integration scores more than this, and nothing else reaches it.
const BROKEN: f64 = 100.0;

/// What the score needs beside the row.
pub(super) struct Moment {
    pub(super) removed: bool,
    /// Until the removal.
    pub(super) days_left: f64,
    /// Silence in horizons: 1 is the point at which use counts as over.
    pub(super) silence: f64,
}

/// The score of one integration and its terms; nothing for one that is neither remaining nor stale.
pub(super) fn score(row: &Integration, moment: &Moment) -> (f64, Vec<Term>) {
    if !ranked(row.status) {
        return (0.0, Vec::new());
    }
    if moment.removed && row.status == Status::Failing {
        let rejected = per_week(row.rejected_30d);
        let words = format!("broken now: {rejected:.1} uses a week are rejected");
        return (BROKEN + rejected, vec![Term { name: "broken", value: BROKEN + rejected, words }]);
    }
    let factors = [certainty(row), kind(row)];
    let summands = [uses(row), repositories(row), writes(row), rights(row)];
    let standing = standing(row, moment);
    let lateness = (!moment.removed).then(|| lateness(row, moment));
    let damage = 1.0 + summands.iter().map(|term| term.value).sum::<f64>();
    let product: f64 = factors.iter().chain([&standing]).chain(&lateness).map(|term| term.value).product();
    let terms = factors.into_iter().chain(summands).chain([standing]).chain(lateness).collect();
    let score = product * damage;
    (if moment.removed { score.min(BROKEN - 1.0) } else { score }, terms)
}

/// Puts ranked integrations first, the worst at the head, then the others by id, and numbers the ranked ones.
pub(super) fn order(integrations: &mut [Integration]) {
    integrations.sort_by(|a, b| {
        let others = (!ranked(a.status)).cmp(&!ranked(b.status));
        others.then(b.score.total_cmp(&a.score)).then_with(|| a.id.cmp(&b.id))
    });
    for (row, rank) in integrations.iter_mut().take_while(|row| ranked(row.status)).zip(1..) {
        row.rank = Some(rank);
    }
}

fn ranked(status: Status) -> bool {
    status.remaining() || status == Status::Stale
}

fn term(name: &'static str, value: f64, words: impl Into<String>) -> Term {
    Term { name, value, words: words.into() }
}

fn certainty(row: &Integration) -> Term {
    let value = match row.grade {
        Grade::None => 0.1,
        Grade::Weak => 0.4,
        Grade::Strong => 0.85,
        Grade::Proven => 1.0,
    };
    term("certainty", value, format!("{} evidence", row.grade))
}

fn kind(row: &Integration) -> Term {
    let value = match row.category {
        Category::Ci | Category::GitOps | Category::Iac | Category::BackupMirror => 1.5,
        Category::AtlassianProduct | Category::CodeScanning | Category::DependencyBot | Category::PackageManager => 1.2,
        Category::ScriptLibrary | Category::Unknown => 1.0,
        Category::Ide | Category::GitClient => 0.6,
    };
    term("kind", value, format!("{} ({})", row.client_name, row.category))
}

fn uses(row: &Integration) -> Term {
    let weekly = per_week(row.uses_30d);
    term("uses", weekly.ln_1p() / std::f64::consts::LN_2, format!("{weekly:.1} uses a week"))
}

fn repositories(row: &Integration) -> Term {
    let count = row.repositories.len();
    let value = as_f64(count as u64).ln_1p() / std::f64::consts::LN_2 / 2.0;
    term("repositories", value, counted(count as u64, "repository", "repositories"))
}

fn writes(row: &Integration) -> Term {
    let value = if row.writes_30d > 0 { 0.5 } else { 0.0 };
    term("writes", value, counted(row.writes_30d, "write in 30 days", "writes in 30 days"))
}

fn rights(row: &Integration) -> Term {
    let (value, words) = match row.highest_permission.as_deref() {
        Some("admin") => (1.0, "may administer"),
        Some("write") => (0.5, "may write"),
        Some(_) => (0.0, "may read"),
        None => (0.0, "rights unknown"),
    };
    term("rights", value, words)
}

fn standing(row: &Integration, moment: &Moment) -> Term {
    match row.status {
        Status::Failing => term("standing", 1.2, "fails already"),
        Status::Migrating => term("standing", 0.5, "half way: the replacement is in use"),
        Status::Stale => term("standing", 0.1, "a left-over secret, the work is done with its replacement"),
        Status::Quiet => term("standing", 0.5_f64.powf(moment.silence.max(0.0)), "not seen for longer than usual"),
        Status::Active | Status::Migrated | Status::Retired => term("standing", 1.0, "in use"),
    }
}

fn lateness(row: &Integration, moment: &Moment) -> Term {
    let (least, most) = LATENESS_BOUNDS;
    let late = f64::from(row.lead_time_days) - moment.days_left;
    let words = format!("removal in {:.0} days, the team needs {}", moment.days_left.floor(), row.lead_time_days);
    term("lateness", (late / LATENESS_DOUBLES_DAYS).exp2().clamp(least, most), words)
}

fn per_week(uses_30d: u64) -> f64 {
    as_f64(uses_30d) / WEEKS
}

#[expect(clippy::cast_precision_loss, reason = "counts of uses lie far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// `1 use`, `12 uses`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
