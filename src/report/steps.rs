//! The steps of a client as a reader follows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::CampaignReport, inert};
use crate::evidence::{ClientCatalogue, Steps};

/// What to do for one client, in the order of doing it. Commands hold `WORKSPACE/REPOSITORY` and `EMAIL` where these are
/// not known.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct StepsRow {
    pub client: String,
    pub client_name: String,
    /// Who usually looks after such software.
    pub usual_owner: String,
    pub replacement: String,
    /// The version that can use the replacement, in words; empty where none is known.
    pub needs: String,
    pub create: Vec<String>,
    pub usernames: Vec<UsernameRow>,
    pub scopes: String,
    pub change: Vec<String>,
    pub traps: Vec<String>,
    pub proofs: Vec<ProofRow>,
    pub finish: String,
    pub documentation: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct UsernameRow {
    /// `git` or `REST`; empty where the tool has no such field.
    pub surface: &'static str,
    pub username: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ProofRow {
    pub shows: &'static str,
    pub command: String,
}

/// The steps of every client that is still to be moved, sorted by client.
pub(super) fn of(campaigns: &[CampaignReport], clients: &ClientCatalogue) -> Vec<StepsRow> {
    let moving = campaigns.iter().filter(|campaign| campaign.has_steps).flat_map(|campaign| &campaign.integrations);
    let mut ids: Vec<&str> = moving.filter(|row| row.rank.is_some()).map(|row| row.client.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().filter_map(|id| clients.steps(id)).map(|steps| row(&steps)).collect()
}

/// An organisation's own catalogue is text like any other.
pub(super) fn row(steps: &Steps) -> StepsRow {
    let lines = |lines: &[String]| lines.iter().map(|line| inert::sentence(line)).collect();
    StepsRow {
        client: inert::name(&steps.client),
        client_name: inert::sentence(&steps.client_name),
        usual_owner: inert::name(&steps.usual_owner),
        replacement: inert::sentence(&steps.replacement),
        needs: inert::sentence(&steps.needs),
        create: lines(&steps.create),
        usernames: steps
            .usernames
            .iter()
            .map(|name| UsernameRow { surface: name.surface, username: inert::sentence(&name.username) })
            .collect(),
        scopes: inert::sentence(&steps.scopes),
        change: lines(&steps.change),
        traps: lines(&steps.traps),
        proofs: steps
            .proofs
            .iter()
            .map(|proof| ProofRow { shows: proof.shows, command: inert::sentence(&proof.command) })
            .collect(),
        finish: inert::sentence(&steps.finish),
        documentation: inert::sentence(&steps.documentation),
    }
}
