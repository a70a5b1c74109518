//! What would change the forecast most: the blockers whose members are expected to be left, and single integrations that
//! no blocker holds.

use std::collections::BTreeMap;

use super::simulate::Runs;
use super::subject::Subject;

/// What one meeting can decide.
pub const MAX_MOVES: usize = 10;

/// Something that can be moved at once: one client in one team's hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Catalogue id.
    pub client: String,
    pub owner: Option<String>,
    /// Ids of the integrations that it would move, sorted.
    pub integrations: Vec<String>,
    /// How many fewer integrations are expected to use the legacy credential at the removal (after it: to fail four weeks
    /// from now), when it is moved today.
    pub effect: f64,
}

/// The moves with the greatest effect. Ties are broken by client and owner, so that the order is total.
pub(super) fn greatest(subjects: &[Subject<'_>], counted: &[usize], runs: &Runs, removed: bool) -> Vec<Move> {
    let mut moves: BTreeMap<(&str, Option<&str>), Move> = BTreeMap::new();
    let effects = if removed { &runs.counting } else { &runs.using };
    for (number, effect) in counted.iter().zip(effects) {
        let subject = &subjects[*number];
        let blocker = moves.entry((subject.client, subject.owner)).or_insert_with(|| Move {
            client: subject.client.to_owned(),
            owner: subject.owner.map(str::to_owned),
            integrations: Vec::new(),
            effect: 0.0,
        });
        blocker.integrations.push(subject.id.to_owned());
        blocker.effect += effect;
    }
    let mut moves: Vec<Move> = moves.into_values().collect();
    for blocker in &mut moves {
        blocker.integrations.sort_unstable();
    }
    // Stable: the map has put ties in order.
    moves.sort_by(|a, b| b.effect.total_cmp(&a.effect));
    moves.truncate(MAX_MOVES);
    moves
}
