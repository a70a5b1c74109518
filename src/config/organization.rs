//! `[[organization]]`: the audit log, the inventory of tokens, and the workspaces with what they are asked by.

use std::collections::BTreeSet;

use secrecy::SecretString;

use super::{
    fields::{api_url, expiry, name, required_secret, unique},
    reader::Section,
};
use crate::{
    daemon::options::{Organization, Workspace, WorkspaceAuth},
    evidence::Credential,
    network::Network,
    report::OwnCredential,
};

/// The largest numbers that make sense; beyond them a value is a slip of the pen.
const MAX_REQUESTS: u32 = 1_000_000;

pub(super) fn organizations(root: &Section, network: &Network, own: &mut Vec<OwnCredential>) -> Vec<Organization> {
    let organizations: Vec<Organization> =
        root.tables("organization").into_iter().map(|s| organization(s, network, own)).collect();
    unique(root, "organization", organizations.iter().map(|o| &o.name));
    let mut slugs = BTreeSet::new();
    for (number, organization) in organizations.iter().enumerate() {
        for slug in organization.workspaces.iter().map(|workspace| &workspace.slug).filter(|slug| !slug.is_empty()) {
            if !slugs.insert(slug) {
                root.fault_of("organization", number, format!("the workspace `{slug}` stands twice"));
            }
        }
    }
    organizations
}

fn organization(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> Organization {
    let name = name(&section, "name");
    let expires = expiry(&section, "api_key_expires");
    own.push(OwnCredential { name: format!("organization.{name}.api_key"), kind: Credential::AccessToken, expires });
    let organization = Organization {
        id: organization_id(&section),
        api_url: api_url(&section, network),
        api_key: required_secret(&section, "api_key"),
        requests_per_minute: section.count("requests_per_minute", 1..=MAX_REQUESTS),
        share: section.number("share", 0.01..=1.0),
        overlap: section.duration("overlap"),
        workspaces: section.tables("workspace").into_iter().map(|s| workspace(s, network, own)).collect(),
        name,
    };
    section.finish();
    organization
}

/// Part of an address; Atlassian's own are UUIDs. What cannot be one is a text that still waits to be replaced.
fn organization_id(section: &Section) -> String {
    let id = section.required("id");
    if id.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        section.fault("id", format!("`{id}` is no organisation id: it looks like \"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\""));
    }
    id
}

fn workspace(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> Workspace {
    // As Bitbucket writes it, and evidence is kept.
    let slug = name(&section, "slug").to_lowercase();
    let workspace = Workspace {
        api_url: api_url(&section, network),
        auth: workspace_auth(&section, &slug, own),
        requests_per_hour: section.count("requests_per_hour", 1..=MAX_REQUESTS * 60),
        slug,
    };
    section.finish();
    workspace
}

fn workspace_auth(section: &Section, slug: &str, own: &mut Vec<OwnCredential>) -> WorkspaceAuth {
    let auth = section.table("auth");
    for (secret, key, kind) in [
        ("access_token", "access_token_expires", Credential::AccessToken),
        ("api_token", "api_token_expires", Credential::ApiToken),
    ] {
        let expires = expiry(&auth, key);
        if auth.has(secret) {
            own.push(OwnCredential { name: format!("workspace.{slug}.{secret}"), kind, expires });
        }
    }
    let found = match (auth.has("access_token"), auth.has("api_token")) {
        (true, false) => WorkspaceAuth::AccessToken(required_secret(&auth, "access_token")),
        (false, true) => WorkspaceAuth::ApiToken { email: auth.required("email"), token: required_secret(&auth, "api_token") },
        _ => {
            section.fault("auth", "needs either { access_token = \"env:…\" } or { email = \"…\", api_token = \"env:…\" }");
            auth.string("email");
            WorkspaceAuth::AccessToken(SecretString::default())
        }
    };
    auth.finish();
    found
}
