//! What comes first: the expected damage at the removal, and how late it already is.
//!
//! ```text
//! score = uses × tries × stays × certainty × kind × reach × rights × writes × leaver × lateness
//! ```
//!
//! The first four are the expected number of uses that fail in the week after the removal; the others are weights close
//! to 1, so that the score stays in that unit: ten failing uses of a pipeline weigh what twelve of an ordinary script do.
//!
//! | term | unit and value |
//! |---|---|
//! | uses | legacy uses that are expected in the week after the removal (after it: in an average week), drawn towards what is usual of the client by three days, and that towards what is usual of all by four weeks: an integration that was seen twice on its first day is not one of fourteen uses a week; of what is migrating, the uses of the last seven days in place of an average of weeks in which more of it was still to move |
//! | tries | how often one use is tried when it is refused, as brownouts have shown: refusals inside windows for each use expected there, drawn towards what is usual among machines, among people, or among what is neither, by two hundred uses, from 1 to 3; 1 where the uses are those of the last days, and where they were only seen when they were refused: these are counted as often as they were tried |
//! | stays | probability that it still uses the legacy credential in the week after the removal, from the forecast ([`super::forecast`]); left-over secrets count a tenth, since the work is done without them |
//! | certainty | probability p that this is the legacy credential, by grade: weak 0.7, strong 0.95, proven 1; where brownouts let expect n uses since it was last seen so firmly, and none was refused, p·q / (p·q + 1 − p), with q = 0.05 + 0.95·e⁻ⁿ: what is spared again and again is something else (Bayes' rule) |
//! | kind | CI, GitOps, IaC, backup 1.15; other shared software 1.05; scripts and unknown 1; a person's tool 0.9 |
//! | reach | 2 % more for each doubling of the number of repositories |
//! | rights | read 1, write 1.03, admin 1.06 |
//! | writes | 1.05 when it wrote in the last 30 days |
//! | leaver | 1.2 when its user is no longer a member: nobody is there to move it, and the account may end first |
//! | lateness | 2^((lead time − days left) / 120), at least 0.85 and at most 1.25 |
//!
//! What is usual is the same quotient over all integrations of the organisation that are alike in this, drawn towards 1 by five
//! uses: the windows of one integration hold a handful of expected uses, and the quotient of so few is noise (empirical Bayes,
//! with a Gamma prior as in Clayton and Kaldor, *Biometrics* 43, 1987). Two hundred uses let an integration speak for
//! itself only where brownouts have met it for weeks.
//!
//! The weights are gentle on purpose: what breaks most comes first, and kind, rights and lateness decide between
//! integrations of about the same size. All terms move smoothly with time: no use falls out of a window at once.
//!
//! After the removal nothing is expected any more, and tries and lateness are gone: the uses are those that are rejected now, and
//! whatever fails comes before whatever does not.
//!
//! Ties are broken by the integration's id, so that the order is total. The quality of an order is measured by normalised
//! discounted cumulative gain (Järvelin and Kekäläinen, *Cumulated gain-based evaluation of IR techniques*, ACM TOIS 20,
//! 2002), the gain being the uses that really fail in the week after the removal.

use std::collections::BTreeMap;

use super::{Integration, Term};
use crate::evidence::{Category, Grade, Status};

/// Lateness doubles the score with every this many days.
const LATENESS_DOUBLES_DAYS: f64 = 120.0;
const LATENESS_BOUNDS: (f64, f64) = (0.85, 1.25);
/// More for each doubling of the number of repositories.
const REACH: f64 = 0.02;
/// Refused uses are tried again by machines as they are told to, by people once or twice.
const TRIES_BOUNDS: (f64, f64) = (1.0, 3.0);
/// So many uses that are tried once are assumed of machines and of people beside what brownouts have shown of them.
const ALIKE_PRIOR_USES: f64 = 5.0;
/// And so many that are tried as usual of each of them.
const TRIES_PRIOR_USES: f64 = 200.0;
/// Where less than this was expected in brownouts, refusals have nothing that they could be held against.
const LEAST_EXPECTED: f64 = 0.5;
/// So many days of what is usual of its client are assumed of each integration beside those on which it was seen; and of each
/// client so many days of what is usual of all.
const USES_PRIOR_DAYS: f64 = 3.0;
const CLIENT_PRIOR_DAYS: f64 = 28.0;
/// Nobody is there to move what a leaver has left behind.
const LEAVER: f64 = 1.2;
/// A left-over secret's share of what it would weigh if work depended on it.
const LEFT_OVER: f64 = 0.1;
/// Windows may miss what is expected inside them for other reasons than the credential.
const KEPT_AWAY: f64 = 0.05;

/// What the score needs beside the row.
pub(super) struct Moment {
    pub(super) removed: bool,
    /// Until the removal.
    pub(super) days_left: f64,
    pub(super) tries: UsualTries,
    pub(super) uses: UsualUses,
}

/// How much an integration uses the legacy credential in the week after the removal: by client, and of all.
pub(super) struct UsualUses {
    of_clients: BTreeMap<String, f64>,
    of_all: f64,
}

impl UsualUses {
    /// The means of those that name their user, each weighing as many days as it was measured on.
    pub(super) fn of(rows: &[Integration]) -> Self {
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for row in rows.iter().filter(|row| ranked(row.status) && !row.user.id.is_empty()) {
            let (uses, days) = sums.entry(&row.client).or_default();
            *uses += own_uses(row) * row.exposure.days;
            *days += row.exposure.days;
        }
        let all = sums.values().fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let of_all = all.0 / all.1.max(1.0);
        let of = |(uses, days): (f64, f64)| (uses + of_all * CLIENT_PRIOR_DAYS) / (days + CLIENT_PRIOR_DAYS);
        Self { of_clients: sums.into_iter().map(|(client, sum)| (client.to_owned(), of(sum))).collect(), of_all }
    }

    fn of_client(&self, client: &str) -> f64 {
        self.of_clients.get(client).copied().unwrap_or(self.of_all)
    }
}

/// How often a refused use is tried: by machines, by people, and by what may be either.
pub(super) struct UsualTries([f64; 3]);

impl UsualTries {
    /// By what brownouts have shown of all that name their user: evidence of nobody may be of several at once.
    pub(super) fn of(rows: &[Integration]) -> Self {
        let usual = |machine: Option<bool>| {
            let alike = rows.iter().filter(|row| row.machine == machine && !row.user.id.is_empty()).filter_map(met);
            let (refused, expected) = alike.fold((0.0, 0.0), |sum, met| (sum.0 + met.0, sum.1 + met.1));
            quotient((refused, expected), 1.0, ALIKE_PRIOR_USES)
        };
        Self([Some(true), Some(false), None].map(usual))
    }

    fn among(&self, machine: Option<bool>) -> f64 {
        let [machines, people, others] = self.0;
        machine.map_or(others, |machine| if machine { machines } else { people })
    }
}

/// Refusals inside brownout windows, and the uses that were expected there; none where nothing was.
fn met(row: &Integration) -> Option<(f64, f64)> {
    let (published, extrapolated) = (&row.brownouts.published, &row.brownouts.extrapolated);
    let expected = published.expected + extrapolated.expected;
    (expected >= LEAST_EXPECTED).then(|| (as_f64(published.rejected.saturating_add(extrapolated.rejected)), expected))
}

/// Refusals for each expected use, with so many uses beside them that are tried as usual.
fn quotient((refused, expected): (f64, f64), usual: f64, prior_uses: f64) -> f64 {
    let (least, most) = TRIES_BOUNDS;
    ((refused + usual * prior_uses) / (expected + prior_uses)).clamp(least, most)
}

/// The score of one integration and its terms; nothing for one that is neither remaining nor stale.
pub(super) fn score(row: &Integration, moment: &Moment) -> (f64, Vec<Term>) {
    if !ranked(row.status) {
        return (0.0, Vec::new());
    }
    let mut terms = vec![uses(row, moment), stays(row, moment), certainty(row), kind(row), reach(row), rights(row), writes(row)];
    if row.leaver {
        terms.push(term("leaver", LEAVER, "its user is no longer a member"));
    }
    if !moment.removed {
        terms.insert(1, tries(row, &moment.tries));
        terms.push(lateness(row, moment));
    }
    (terms.iter().map(|term| term.value).product(), terms)
}

/// Puts ranked integrations first, the worst at the head, then the others by id, and numbers the ranked ones.
pub(super) fn order(integrations: &mut [Integration], removed: bool) {
    let broken_later = |row: &Integration| removed && row.status != Status::Failing;
    integrations.sort_by(|a, b| {
        let others = (!ranked(a.status)).cmp(&!ranked(b.status));
        let broken = broken_later(a).cmp(&broken_later(b));
        others.then(broken).then(b.score.total_cmp(&a.score)).then_with(|| a.id.cmp(&b.id))
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

fn uses(row: &Integration, moment: &Moment) -> Term {
    if moment.removed && row.status == Status::Failing {
        return term("uses", row.weekly_rejected, format!("broken now: {:.1} uses a week are rejected", row.weekly_rejected));
    }
    if moment.removed {
        return term("uses", row.weekly_uses, format!("{:.1} uses a week", row.weekly_uses));
    }
    let days = row.exposure.days;
    let value = (own_uses(row) * days + moment.uses.of_client(&row.client) * USES_PRIOR_DAYS) / (days + USES_PRIOR_DAYS);
    let measured = rounded(days, "day", "days");
    let words = format!("{value:.1} uses in the week after the removal, by {measured} and what is usual of {}", row.client_name);
    term("uses", value, words)
}

/// Uses in the week after the removal by an integration's own past.
fn own_uses(row: &Integration) -> f64 {
    if row.status == Status::Migrating { as_f64(row.uses_7d) } else { row.exposure.first_week }
}

fn tries(row: &Integration, usual: &UsualTries) -> Term {
    let as_tried = |words| term("tries", 1.0, words);
    let refused = row.brownouts.published.rejected.saturating_add(row.brownouts.extrapolated.rejected);
    match met(row) {
        _ if row.status == Status::Migrating => as_tried("its uses of the last days are counted as often as they were tried"),
        None if refused > 0 => as_tried("it was seen only when it was refused, as often as it was tried"),
        met => {
            let value = quotient(met.unwrap_or_default(), usual.among(row.machine), TRIES_PRIOR_USES);
            let refusals = counted(refused, "refusal", "refusals");
            let words = format!("each refused use is tried {value:.1} times, by {refusals} in brownouts and what is usual");
            term("tries", value, words)
        }
    }
}

fn stays(row: &Integration, moment: &Moment) -> Term {
    if row.status == Status::Stale {
        return term("stays", LEFT_OVER, "a left-over secret, the work is done with its replacement");
    }
    let percent = row.stays * 100.0;
    let words = if moment.removed {
        format!("{percent:.0} % likely to be in use still")
    } else {
        format!("{percent:.0} % likely to be in use still in the week after the removal")
    };
    term("stays", row.stays, words)
}

fn certainty(row: &Integration) -> Term {
    let value = match row.grade {
        Grade::None => 0.3,
        Grade::Weak => 0.7,
        Grade::Strong => 0.95,
        Grade::Proven => 1.0,
    };
    let spared = row.brownouts.spared;
    let chance = value * (KEPT_AWAY + (1.0 - KEPT_AWAY) * (-spared).exp());
    let words = if spared < 1.0 {
        format!("{} evidence", row.grade)
    } else {
        let uses = rounded(spared, "use that was", "uses that were");
        format!("{} evidence, and since it none of {uses} expected in brownouts was refused", row.grade)
    };
    term("certainty", chance / (chance + 1.0 - value), words)
}

fn kind(row: &Integration) -> Term {
    let value = match row.category {
        Category::Ci | Category::GitOps | Category::Iac | Category::BackupMirror => 1.15,
        Category::AtlassianProduct | Category::CodeScanning | Category::DependencyBot | Category::PackageManager => 1.05,
        Category::ScriptLibrary | Category::Unknown => 1.0,
        Category::Ide | Category::GitClient => 0.9,
    };
    term("kind", value, format!("{} ({})", row.client_name, row.category))
}

fn reach(row: &Integration) -> Term {
    let count = row.repositories.len() as u64;
    term("reach", 1.0 + REACH * as_f64(count.max(1)).log2(), counted(count, "repository", "repositories"))
}

fn rights(row: &Integration) -> Term {
    let (value, words) = match row.highest_permission.as_deref() {
        Some("admin") => (1.06, "may administer"),
        Some("write") => (1.03, "may write"),
        Some(_) => (1.0, "may read"),
        None => (1.0, "rights unknown"),
    };
    term("rights", value, words)
}

fn writes(row: &Integration) -> Term {
    let value = if row.writes_30d > 0 { 1.05 } else { 1.0 };
    term("writes", value, counted(row.writes_30d, "write in 30 days", "writes in 30 days"))
}

fn lateness(row: &Integration, moment: &Moment) -> Term {
    let (least, most) = LATENESS_BOUNDS;
    let late = f64::from(row.lead_time_days) - moment.days_left;
    let days = rounded(moment.days_left.floor(), "day", "days");
    let words = format!("removal in {days}, the team needs {}", row.lead_time_days);
    term("lateness", (late / LATENESS_DOUBLES_DAYS).exp2().clamp(least, most), words)
}

#[expect(clippy::cast_precision_loss, reason = "counts of uses lie far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// What parts come to; of no part at all it is nothing, where the iterator's own sum is less than that by a sign (-0).
pub fn total(parts: impl Iterator<Item = f64>) -> f64 {
    parts.fold(0.0, |sum, part| sum + part)
}

/// `1 day`, `12 days`, of a number that need not be whole.
pub(super) fn rounded(number: f64, one: &str, many: &str) -> String {
    let digits = format!("{number:.0}");
    let noun = if digits == "1" { one } else { many };
    format!("{digits} {noun}")
}

/// `1 use`, `12 uses`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
