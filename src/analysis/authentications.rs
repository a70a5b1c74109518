//! Every integration's uses by day, workspace, credential, grade and outcome.

use super::Authentication;
use super::assess::Scene;
use super::days::Cell;
use crate::evidence::Day;

/// Sorted as the spellings sort: by day, user, integration, workspace, credential, grade, outcome.
pub(super) fn list(scene: &Scene<'_>) -> Vec<Authentication> {
    let mut rows: Vec<(Day, u32, &Cell)> = Vec::new();
    let units = by_user_and_id(scene);
    for (position, unit) in (0..).zip(&units) {
        rows.extend(scene.uses.units[*unit].cells.iter().map(|cell| (cell.day, position, cell)));
    }
    // Stable and by numbers: the units come in order, and so do the days of each.
    rows.sort_by_key(|(day, position, _)| (*day, *position));
    let mut authentications = Vec::with_capacity(rows.len());
    for of_unit in rows.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (day, unit) = (of_unit[0].0, units[of_unit[0].1 as usize]);
        let key =
            |cell: &Cell| (workspace(scene, cell.place), cell.credential.as_str(), cell.grade.as_str(), cell.outcome.as_str());
        of_unit.sort_by(|a, b| key(a.2).cmp(&key(b.2)));
        authentications.extend(of_unit.chunk_by(|a, b| key(a.2) == key(b.2)).map(|same| Authentication {
            day,
            user: scene.units[unit].key.user.clone(),
            integration: scene.ids[unit].clone(),
            workspace: workspace(scene, same[0].2.place).to_owned(),
            credential: same[0].2.credential,
            grade: same[0].2.grade,
            outcome: same[0].2.outcome,
            uses: same.iter().map(|(_, _, cell)| cell.uses).sum(),
        }));
    }
    authentications
}

fn workspace<'a>(scene: &'a Scene<'_>, place: u32) -> &'a str {
    scene.uses.places[place as usize].workspace.unwrap_or_default()
}

/// All units, by user, then id.
fn by_user_and_id(scene: &Scene<'_>) -> Vec<usize> {
    let mut units: Vec<usize> = (0..scene.units.len()).collect();
    units.sort_unstable_by_key(|unit| (&scene.units[*unit].key.user, &scene.ids[*unit]));
    units
}
