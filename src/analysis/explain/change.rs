//! What would change a verdict: the contract's table of statuses and the rules of the grades, turned around.

use jiff::Timestamp;

use crate::analysis::{Integration, rank::counted};
use crate::evidence::{Campaign, Category, Credential, Grade, Status};

/// Covered days of silence that retire an integration at the earliest.
const RETIRED_AFTER_DAYS: f64 = crate::analysis::timeline::RETIRED_AFTER_DAYS;

const REPLACEMENT: &str = "a replacement";

/// Sentences without a full stop, the nearest change first.
pub(super) fn would_change(row: &Integration, campaign: &Campaign, now: Timestamp) -> Vec<String> {
    let removed = campaign.removed_at(now.as_millisecond() - 1);
    let mut words = of_status(row, campaign, removed);
    if campaign.is_legacy(Credential::AppPassword) {
        words.extend(of_grade(row, removed));
    }
    if row.waiver.is_some() {
        words.push("It is no longer marked as waived when the waiver ends or is taken out of the configuration".to_owned());
    }
    if row.unseen_since.is_some() {
        words.push("No silence counts until one of its sources is read again".to_owned());
    }
    if row.owner.is_none() {
        words.push(format!(
            "It has an owner when an [[owner]] matches it (client \"{}\", origin \"{}\"), or the directory names its user's team",
            row.client, row.origin
        ));
    }
    words
}

fn of_status(row: &Integration, campaign: &Campaign, removed: bool) -> Vec<String> {
    let (noun, one) = (campaign.words.many.as_str(), campaign.words.one.as_str());
    match row.status {
        Status::Active | Status::Failing => of_used(row, (noun, one), removed),
        Status::Migrating => of_migrating(row, (noun, one), removed),
        Status::Stale => of_stale(row),
        Status::Quiet => vec![
            format!("It becomes migrated as soon as {REPLACEMENT} is accepted"),
            retirement(row),
            format!("It becomes active or failing with the next use of {noun}"),
        ],
        Status::Migrated => vec![comes_back(noun)],
        Status::Retired => {
            let mut words = vec![format!("It becomes migrated as soon as {REPLACEMENT} is accepted")];
            // An owner's word holds whatever else is seen, until the legacy credential is used again.
            if row.closed.is_none() {
                words.push("It becomes quiet when anything else is seen of it".to_owned());
            }
            words.push(comes_back(noun));
            words
        }
    }
}

fn of_used(row: &Integration, (noun, one): (&str, &str), removed: bool) -> Vec<String> {
    let silence = silence(row);
    let mut words = vec![format!("It becomes migrating when {REPLACEMENT} is accepted while {one} is still presented")];
    if row.status == Status::Failing && removed {
        words.push(staleness(row, one));
    }
    words.push(format!(
        "It becomes migrated when no use of {noun} is seen {silence} and {REPLACEMENT} was accepted after the last use"
    ));
    words.push(format!("It becomes quiet when no use of {noun} is seen {silence} and {REPLACEMENT} was not accepted either"));
    if row.status == Status::Failing && !removed {
        words.push(format!("It becomes active again when its newest use of {noun} outside brownout windows is accepted"));
    }
    if row.status == Status::Active {
        let when = if removed { "when" } else { "with the removal at the latest, or when" };
        words.push(format!("It becomes failing {when} its newest use outside brownout windows is refused"));
    }
    words
}

fn of_migrating(row: &Integration, (noun, one): (&str, &str), removed: bool) -> Vec<String> {
    let mut words = vec![format!(
        "It becomes migrated when no use of {noun} is seen {} and {REPLACEMENT} was accepted after the last use: each use of the old \
         secret starts that count again",
        silence(row)
    )];
    if removed {
        words.push(staleness(row, one));
    }
    words.push(format!("It becomes active or failing again when {REPLACEMENT} is not accepted for {}", days(row.horizon_days)));
    words
}

fn of_stale(row: &Integration) -> Vec<String> {
    let (silence, enough) = (silence(row), days(row.horizon_days));
    let mut words = vec![format!(
        "It becomes migrated when the left-over secret is not seen {silence} and {REPLACEMENT} was accepted after it was seen last"
    )];
    if !row.repositories.is_empty() {
        words.push(format!(
            "It becomes migrating when {REPLACEMENT} is not accepted for {enough} on one of the repositories that the left-over \
             secret touches, and still is elsewhere"
        ));
    }
    words.push(format!("It becomes failing when {REPLACEMENT} is accepted nowhere for {enough}"));
    words
}

/// What makes a left-over secret of one that is tried after the removal.
fn staleness(row: &Integration, one: &str) -> String {
    let place = if row.repositories.is_empty() { "" } else { " on every repository that it touched" };
    format!(
        "It becomes stale when {one} is still tried, but was not accepted for {}, and {REPLACEMENT} was accepted in that time{place}",
        days(row.horizon_days)
    )
}

fn comes_back(noun: &str) -> String {
    format!("It comes back, marked as returned, with the next use of {noun}")
}

/// `for 5 more covered days (2 of 7 have passed)`.
fn silence(row: &Integration) -> String {
    let left = row.days_to_silence;
    let own = (row.horizon_days - f64::from(row.silent_days)).max(0.0);
    if f64::from(left) > own.ceil() {
        return format!("for {} (one of its repositories is used at longer intervals than the others)", more(left));
    }
    format!("for {} ({} of {:.0} have passed)", more(left), row.silent_days, row.horizon_days.ceil())
}

fn more(days: u32) -> String {
    counted(days.into(), "more covered day", "more covered days")
}

fn days(enough: f64) -> String {
    format!("{:.0} covered days", enough.ceil())
}

fn retirement(row: &Integration) -> String {
    if row.period_days.is_none() {
        return format!(
            "It does not become retired by silence, because its rhythm is not known (fewer than three days of use): its owner can say \
             so with a [[closure]] of integration \"{}\"",
            row.id
        );
    }
    if row.seen_since {
        return format!(
            "It does not become retired by silence, because something else was seen of it after the last use: its owner can say that \
             it is gone with a [[closure]] of integration \"{}\"",
            row.id
        );
    }
    let enough = row.horizon_days.max(RETIRED_AFTER_DAYS).ceil();
    let left = days_until(enough - f64::from(row.silent_days)).max(row.days_to_silence);
    let passed = row.silent_days;
    format!("It becomes retired when nothing at all is seen of it for {} ({passed} of {enough:.0} have passed)", more(left))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a horizon is a few thousand days at most")]
fn days_until(left: f64) -> u32 {
    left.max(0.0).ceil() as u32
}

fn of_grade(row: &Integration, removed: bool) -> Vec<String> {
    let named = "the answer names CHANGE-3222, or a proxy that looks inside shows that the secret begins with ATBB";
    match row.grade {
        Grade::Proven => Vec::new(),
        Grade::Strong => vec![format!("Its grade becomes proven when {named}")],
        Grade::Weak | Grade::None => {
            let mut words = vec![format!("Its grade becomes proven when {named}")];
            if !removed {
                let met = &row.brownouts.published;
                words.push(format!(
                    "Its grade becomes strong when at least three uses outside brownout windows were accepted, three inside published \
                     windows were refused, and none inside was accepted (so far {}, {} and {})",
                    row.brownouts.accepted_outside, met.rejected, met.accepted
                ));
            }
            if removed {
                words.push("Its grade becomes strong when git is answered 410".to_owned());
            } else if row.category != Category::GitClient {
                words.push(
                    "Its grade becomes strong when the Bitbucket username is accepted by the REST API before the removal"
                        .to_owned(),
                );
            }
            words
        }
    }
}
