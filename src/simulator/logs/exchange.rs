//! The HTTP requests of which a use consists.

use std::net::IpAddr;

use crate::evidence::{Credential, Day, Operation, Outcome};

use super::super::{World, fate::Presented, seed::Topic, uses::Use, world::Integration};

pub(super) const GIT_HOST: &str = "bitbucket.org";
pub(super) const API_HOST: &str = "api.bitbucket.org";

/// Since when Bitbucket answers 410 for its removed cross-workspace endpoints, whatever the credential.
const ENDPOINTS_REMOVED_MS: i64 = 1_776_124_800_000;

/// One request and its answer.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    pub at_ms: i64,
    pub address: IpAddr,
    pub host: &'static str,
    pub method: &'static str,
    pub path: String,
    pub status: u16,
    pub agent: &'a str,
    pub login: Option<Login<'a>>,
    pub message: Option<&'static str>,
    pub salt: u64,
}

/// The credentials of a request.
#[derive(Clone, Debug)]
pub(super) struct Login<'a> {
    pub scheme: &'static str,
    pub username: Option<&'a str>,
    /// The recognised beginning of the secret.
    pub prefix: Option<&'static str>,
    /// The opaque label under which a sender says "the same secret".
    pub secret_id: String,
}

/// Hands over the requests of a use, in order.
pub(super) fn of_use<'a>(world: &'a World, integration: &'a Integration, one: &Use, give: &mut impl FnMut(Exchange<'a>)) {
    let agent = world.agent(integration, Day::of_ms(one.at_ms));
    let first = Exchange {
        at_ms: one.at_ms,
        address: one.address,
        host: GIT_HOST,
        method: "GET",
        path: String::new(),
        status: one.status,
        agent,
        login: login(world, integration, one),
        message: message(one),
        salt: one.salt,
    };
    match one.operation {
        _ if one.credential == Credential::SshKey => {
            give(Exchange { method: "CONNECT", path: "bitbucket.org:22".into(), status: 200, agent: "", ..first });
        }
        Operation::GitRead => git(world, one, &first, "git-upload-pack", give),
        Operation::GitWrite => git(world, one, &first, "git-receive-pack", give),
        _ => rest(world, one, first, give),
    }
}

/// Git asks without credentials, is told 401, and asks again with them.
fn git<'a>(world: &World, one: &Use, with: &Exchange<'a>, service: &str, give: &mut impl FnMut(Exchange<'a>)) {
    let name = world.places.full_name(one.repository);
    let refs = format!("/{name}.git/info/refs?service={service}");
    give(Exchange { path: refs.clone(), status: 401, login: None, message: None, ..with.clone() });
    give(Exchange { path: refs, at_ms: with.at_ms + 140, salt: with.salt.wrapping_add(11), ..with.clone() });
    if one.requests > 1 {
        let path = format!("/{name}.git/{service}");
        give(Exchange { method: "POST", path, at_ms: with.at_ms + 420, salt: with.salt.wrapping_add(22), ..with.clone() });
    }
}

fn rest<'a>(world: &World, one: &Use, first: Exchange<'a>, give: &mut impl FnMut(Exchange<'a>)) {
    let name = world.places.full_name(one.repository);
    let (at_ms, salt, login) = (first.at_ms, first.salt, first.login.clone());
    let (method, path) = endpoint(one.operation, &name, salt);
    let removed = one.operation == Operation::ApiRead && salt.is_multiple_of(40) && at_ms >= ENDPOINTS_REMOVED_MS;
    give(Exchange { host: API_HOST, method, path, ..first });
    if removed {
        give(Exchange {
            at_ms: at_ms + 260,
            host: API_HOST,
            path: "/2.0/user/permissions/repositories?pagelen=100".into(),
            status: 410,
            login,
            message: Some("CHANGE-2770 - Functionality has been deprecated"),
            salt: salt.wrapping_add(33),
            ..first
        });
    }
}

/// What a proxy that keeps the beginning of refusals has kept: some say why, some are empty, some mislead.
fn message(one: &Use) -> Option<&'static str> {
    let refused = one.presented == Presented::Legacy && one.outcome == Outcome::Rejected && !one.transient;
    if !refused || !one.salt.is_multiple_of(3) {
        return None;
    }
    match (one.status, (one.salt >> 8) % 4) {
        (410, _) | (_, 0) => Some("CHANGE-3222 - Functionality has been deprecated"),
        (_, 1) => Some("App passwords are deprecated and must be replaced with API tokens."),
        (_, 2) => Some("Token is invalid, expired, or not supported for this endpoint."),
        _ => None,
    }
}

fn endpoint(operation: Operation, name: &str, salt: u64) -> (&'static str, String) {
    let base = format!("/2.0/repositories/{name}");
    let commit = salt >> 20;
    match (operation == Operation::ApiWrite, salt % 4) {
        (true, 0) => ("POST", format!("{base}/pullrequests")),
        (true, 1) => ("POST", format!("{base}/hooks")),
        (true, _) => ("POST", format!("{base}/commit/{commit:011x}/statuses/build")),
        (false, 0) => ("GET", base),
        (false, 1) => ("GET", format!("{base}/refs/branches?pagelen=100")),
        (false, 2) => ("GET", format!("{base}/pullrequests?state=OPEN&pagelen=50")),
        (false, _) => ("GET", format!("{base}/src/{commit:011x}/Jenkinsfile")),
    }
}

fn login<'a>(world: &'a World, integration: &Integration, one: &Use) -> Option<Login<'a>> {
    let user = &world.places.users[integration.user];
    let git = matches!(one.operation, Operation::GitRead | Operation::GitWrite);
    let right = one.presented != Presented::Mistaken;
    let nickname = Some(user.nickname_on(Day::of_ms(one.at_ms)));
    let basic = |username, prefix| Some(("basic", username, prefix));
    let (scheme, username, prefix) = match one.credential {
        Credential::AppPassword => basic(nickname, (!integration.old_secret).then_some("ATBB")),
        Credential::ApiToken if git == right => {
            let reserved = Some("x-bitbucket-api-token-auth");
            basic(if git && !integration.token_by_nickname { reserved } else { nickname }, Some("ATAT"))
        }
        Credential::ApiToken => basic(Some(user.email.as_str()), Some("ATAT")),
        Credential::AccessToken if !right => basic(nickname, Some("ATCT")),
        Credential::AccessToken if git => basic(Some("x-token-auth"), Some("ATCT")),
        Credential::AccessToken => Some(("bearer", None, Some("ATCT"))),
        Credential::Oauth if git => basic(Some("x-token-auth"), None),
        Credential::Oauth => Some(("bearer", None, None)),
        Credential::SshKey => Some(("ssh", None, None)),
        _ => None,
    }?;
    Some(Login { scheme, username, prefix, secret_id: secret_id(world, integration, one) })
}

/// Some people have one app password for everything.
fn secret_id(world: &World, integration: &Integration, one: &Use) -> String {
    let shared = one.presented == Presented::Legacy && world.seed.chance(Topic::Secret, integration.user as u64, 0, 0.35);
    let holder = if shared { integration.user as u64 | 1 << 40 } else { u64::from(integration.deployment) };
    format!("sec-{:08x}", world.seed.hash(Topic::Secret, holder, 1 + one.credential as u64) >> 32)
}
