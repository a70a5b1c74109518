//! What goes on under another name. A nickname that nobody can resolve may be one that its bearer gave up: then its silence ends
//! nothing, and what it did goes on in another row. Where the same client from the same origin began on one of its repositories
//! under another name when it had ended there, nobody can say that the integration is retired: it is quiet, until somebody says
//! whose the name was (a row of the directory does).

use std::collections::{BTreeMap, HashMap};

use super::NameState;
use super::attribute::Unit;
use super::identity::People;
use super::tracks::Spans;
use crate::evidence::{Day, Origin, TrackCount};

/// Who begins later than this after a name has ended does not go on with what it did.
const LONGEST_PAUSE_DAYS: i32 = 31;

/// Client, origin, workspace and repository.
type Place<'a> = (&'a str, &'a Origin, Option<&'a str>, &'a str);

/// By unit: the day on which what it did went on under another name, for those whose own name is not resolved.
pub(super) fn successions(units: &[Unit], tracks: &[TrackCount], spans: &Spans, people: &People) -> Vec<Option<Day>> {
    let unresolved = |unit: &Unit| !unit.key.user.is_empty() && people.state(&unit.key.user) != NameState::Resolved;
    if !units.iter().any(unresolved) {
        return vec![None; units.len()];
    }
    let mut places: HashMap<Place<'_>, BTreeMap<usize, (Day, Day)>> = HashMap::new();
    for (number, unit) in units.iter().enumerate().filter(|(_, unit)| !unit.key.origin.is_open()) {
        for (place, span) in worked_in(unit, tracks, spans) {
            let days = places.entry(place).or_default().entry(number).or_insert(span);
            *days = (days.0.min(span.0), days.1.max(span.1));
        }
    }
    let begun_after = |number: usize, place: Place<'_>| {
        let here = places.get(&place)?;
        let (_, ended) = *here.get(&number)?;
        let others = here.iter().filter(|(other, _)| units[**other].key.user != units[number].key.user);
        others.map(|(_, (first, _))| *first).filter(|first| (ended.0..=ended.0 + LONGEST_PAUSE_DAYS).contains(&first.0)).min()
    };
    let of = |(number, unit): (usize, &Unit)| {
        let places = unresolved(unit).then(|| worked_in(unit, tracks, spans));
        places.into_iter().flatten().filter_map(|(place, _)| begun_after(number, place)).min()
    };
    units.iter().enumerate().map(of).collect()
}

/// The repositories on which a unit was at work, and the first and last day of each of its tracks there.
fn worked_in<'a>(
    unit: &'a Unit,
    tracks: &'a [TrackCount],
    spans: &'a Spans,
) -> impl Iterator<Item = (Place<'a>, (Day, Day))> + 'a {
    unit.tracks.iter().filter(|track| spans.of(**track).worked).filter_map(|number| {
        let (track, span) = (&tracks[*number].track, spans.of(*number));
        let place = (unit.key.client.as_str(), &unit.key.origin, track.workspace.as_deref(), track.repository.as_deref()?);
        Some((place, (span.first, span.last)))
    })
}
