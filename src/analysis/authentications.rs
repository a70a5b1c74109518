//! Every integration's uses by day, workspace, credential, grade and outcome.

use super::Authentication;
use super::assess::Scene;
use crate::evidence::{Credential, Day, Grade, Outcome};

/// One row as numbers, which sort faster than the texts they stand for.
#[derive(Clone, Copy)]
struct Row {
    day: Day,
    /// Unit.
    unit: usize,
    /// Some place in the workspace.
    place: u32,
    credential: Credential,
    grade: Grade,
    outcome: Outcome,
    uses: u64,
}

/// Sorted as the spellings sort: by day, user, integration, workspace, credential, grade, outcome.
pub(super) fn list(scene: &Scene<'_>) -> Vec<Authentication> {
    let mut rows: Vec<Row> = Vec::new();
    for (unit, uses) in scene.uses.units.iter().enumerate() {
        rows.extend(uses.cells.iter().map(|cell| Row {
            day: cell.day,
            unit,
            place: cell.place,
            credential: cell.credential,
            grade: cell.grade,
            outcome: cell.outcome,
            uses: cell.uses,
        }));
    }
    let order = by_user_and_id(scene);
    let key = |row: &Row| {
        let spelled = (row.credential.as_str(), row.grade.as_str(), row.outcome.as_str());
        (row.day, order[row.unit], workspace(scene, row.place), spelled)
    };
    rows.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    rows.chunk_by(|a, b| key(a) == key(b))
        .map(|same| Authentication {
            day: same[0].day,
            user: scene.units[same[0].unit].key.user.clone(),
            integration: scene.ids[same[0].unit].clone(),
            workspace: workspace(scene, same[0].place).to_owned(),
            credential: same[0].credential,
            grade: same[0].grade,
            outcome: same[0].outcome,
            uses: same.iter().map(|row| row.uses).sum(),
        })
        .collect()
}

fn workspace<'a>(scene: &'a Scene<'_>, place: u32) -> &'a str {
    scene.uses.places[place as usize].workspace.unwrap_or_default()
}

/// Each unit's position when they are sorted by user, then id.
fn by_user_and_id(scene: &Scene<'_>) -> Vec<usize> {
    let mut units: Vec<usize> = (0..scene.units.len()).collect();
    units.sort_unstable_by_key(|unit| (&scene.units[*unit].key.user, &scene.ids[*unit]));
    let mut order = vec![0; units.len()];
    for (position, unit) in units.into_iter().enumerate() {
        order[unit] = position;
    }
    order
}
