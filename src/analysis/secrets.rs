//! One secret in several places. Replacing it in one of them leaves it in the others, and revoking it stops them all.
//!
//! Two integrations present one secret when the same sender has shown both with the same label, when two senders have shown
//! both with the same label under the same user's name (a label means something to its sender only, and one user seldom has
//! two secrets of one label), or when both were seen with the same token id.

use std::collections::{BTreeSet, HashMap};

use super::Integration;
use super::assess::Scene;
use super::timeline::Rules;
use crate::evidence::Verdict;

/// Others that one row is told of: whoever writes a log can give all its lines one label.
const MAX_OTHERS: usize = 200;

/// What stands for one secret.
#[derive(PartialEq, Eq, Hash)]
enum Label<'a> {
    OfSender(&'a str, &'a str),
    OfUser(&'a str, &'a str),
    Token(&'a str),
}

/// Tells each remaining or stale integration which others present its legacy secret. `numbers` are the units of the rows.
pub(super) fn note_shared(scene: &Scene<'_>, rules: &Rules<'_>, numbers: &[usize], rows: &mut [Integration]) {
    let mut holders: HashMap<Label<'_>, BTreeSet<usize>> = HashMap::new();
    for (row, number) in numbers.iter().enumerate().filter(|(row, _)| rows[*row].status.holds_secret()) {
        let unit = &scene.units[*number];
        for track in &unit.tracks {
            let labels: Vec<Label<'_>> = labels(scene, *track, &unit.key.user).collect();
            if !labels.is_empty() && has_shown_legacy(scene, rules, *track) {
                for label in labels {
                    holders.entry(label).or_default().insert(row);
                }
            }
        }
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut labels_of: Vec<Vec<&BTreeSet<usize>>> = vec![Vec::new(); rows.len()];
    for places in holders.values().filter(|places| places.len() > 1) {
        for place in places {
            labels_of[*place].push(places);
        }
    }
    for (number, (row, labels)) in rows.iter_mut().zip(labels_of).enumerate().filter(|(_, (_, labels))| !labels.is_empty()) {
        let mut others: BTreeSet<&str> = BTreeSet::new();
        for other in labels.into_iter().flatten().filter(|other| **other != number) {
            if others.len() > MAX_OTHERS {
                break;
            }
            others.insert(&ids[*other]);
        }
        row.reasons.push(words(others.len()));
        row.secret_shared_with = others.into_iter().take(MAX_OTHERS).map(str::to_owned).collect();
    }
}

fn words(others: usize) -> String {
    match others {
        1 => "the same secret is used in 1 other place; replacing it here leaves that".to_owned(),
        others if others > MAX_OTHERS => {
            format!("the same secret is used in more than {MAX_OTHERS} other places; replacing it here leaves them")
        }
        others => format!("the same secret is used in {others} other places; replacing it here leaves them"),
    }
}

/// Whether a track has shown the legacy credential up to today.
fn has_shown_legacy(scene: &Scene<'_>, rules: &Rules<'_>, number: usize) -> bool {
    let (history, predicate) = (scene.inputs.history, &rules.campaign.legacy);
    let track = &history.tracks[number].track;
    let is_legacy = |mut verdict: Verdict| {
        scene.counted.secrets.apply(&mut verdict, number);
        predicate.takes(verdict.credential) && verdict.grade >= rules.minimum_grade
    };
    let mut counts = history.counts.of(number).filter(|count| count.day <= scene.today && count.verdict.authentication);
    predicate.fits(track.host.as_deref(), track.workspace.as_deref()) && counts.any(|count| is_legacy(count.verdict))
}

fn labels<'a>(scene: &Scene<'a>, track: usize, user: &'a str) -> impl Iterator<Item = Label<'a>> + use<'a> {
    let shown = &scene.inputs.history.tracks[track];
    let secret = shown.track.secret_id.as_deref();
    let of_sender = secret.map(|secret| Label::OfSender(&shown.source, secret));
    let of_user = secret.filter(|_| !user.is_empty()).map(|secret| Label::OfUser(user, secret));
    of_sender.into_iter().chain(of_user).chain(shown.track.token_id.as_deref().map(Label::Token))
}
