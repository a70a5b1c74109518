//! One cheap page of each source: whether its key is valid, what it opens, and how the server's clock differs from ours.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::{Finding, Question, State};
use crate::{
    analysis::counted,
    clock::Clock,
    daemon::{
        Options,
        clients::{
            Clients, log_engine, organization_client, organization_credential, query_credential, workspace_client,
            workspace_credential, workspace_secret,
        },
        options::{Log, Organization, Query, Workspace, WorkspaceAuth},
        rounds::{self, UNLINKED},
        skew,
    },
    evidence::{ApiToken, SourceKind},
    source::{Access, Audit, Client, FetchError, Glance, LimitReason, LogEngine, Tokens},
};

/// Clocks that differ by more are worth a line.
const CLOCKS_DIFFER_SECONDS: i64 = 60;

/// What is asked of every source. Each question is asked once: whoever calls this wants an answer now, and may call again.
pub(super) fn questions(options: &Options, clock: Clock) -> Vec<Question<'_>> {
    let mut clients = Clients::asking_once();
    let mut questions: Vec<Question> = Vec::new();
    for organization in &options.organizations {
        questions.push(match organization_client(options, organization, &mut clients) {
            Ok(client) => ask_organization(organization, client, clock).boxed(),
            Err(error) => unusable(SourceKind::Audit.source(&organization.name), &error),
        });
        for workspace in &organization.workspaces {
            questions.push(match workspace_client(options, organization, workspace, &mut clients) {
                Ok(client) => ask_workspace(workspace, client).boxed(),
                Err(error) => unusable(SourceKind::Access.source(&workspace.slug), &error),
            });
        }
    }
    questions.extend(options.logs.iter().map(|log| look_at_log(Arc::clone(log), clock.now()).boxed()));
    for query in &options.queries {
        questions.push(match log_engine(options, query, &mut clients) {
            Ok(engine) => ask_engine(query, engine, clock.now()).boxed(),
            Err(error) => unusable(SourceKind::Query.source(&query.name), &error),
        });
    }
    questions
}

/// A credential or certificate of which no client can be made.
fn unusable(name: String, error: &anyhow::Error) -> Question<'static> {
    let finding = Finding::new(State::Wrong, "source", name, format!("{error:#}")).advising("replace the secret or the file");
    async { vec![finding] }.boxed()
}

async fn ask_organization(organization: &Organization, client: Client, clock: Clock) -> Vec<Finding> {
    let Organization { name, id, .. } = organization;
    let audit = Audit::new(client.clone(), id);
    let actions = audit.actions().await;
    // What the first question could not reach, the others would not reach either.
    let stream = match &actions {
        Ok(_) => audit.glance(since(organization, clock)).await,
        Err(error) => Err(error.clone()),
    };
    let tokens = match &actions {
        Err(error) if error.is_transient() => Err(error.clone()),
        _ => ask_inventory(organization, &client).await,
    };
    let key_is_valid = actions.is_ok() || tokens.is_ok();
    let opened = |source: &str, scope: &str, failure: Option<&FetchError>| {
        let source = format!("{source}/{name}");
        let held = || Finding::new(State::Ok, "source", &source, format!("the key is valid and has {scope}"));
        failure.map_or_else(held, |error| {
            let credential = organization_credential(name, scope);
            let finding = refused(&source, error, key_is_valid.then_some(scope), &credential, API);
            match error {
                FetchError::Forbidden { .. } => finding.advising(format!(
                    "check organization.{name}.id, which may be of another organisation, and look at {credential} and has to be made \
                     by an administrator of the organisation"
                )),
                _ => finding,
            }
        })
    };
    let mut findings = vec![
        opened("audit", "read:events:admin", stream.as_ref().err()),
        opened("tokens", "read:tokens:admin", tokens.as_ref().err()),
    ];
    if let Ok(actions) = &actions
        && stream.is_ok()
    {
        findings[0] = linked(&findings[0].name, actions.counts().0);
    }
    findings.extend(tokens.into_iter().flatten());
    findings.extend(clocks_of(&organization.api_url, &client));
    findings
}

fn since(organization: &Organization, clock: Clock) -> Timestamp {
    clock.now().checked_sub(organization.overlap).unwrap_or(Timestamp::MIN)
}

/// Whether the organisation hears of Bitbucket at all.
fn linked(source: &str, bitbucket_actions: usize) -> Finding {
    let held = "the key is valid and has read:events:admin";
    if bitbucket_actions > 0 {
        let found = format!("{held}; {bitbucket_actions} kinds of action in Bitbucket are known, so workspaces are linked");
        return Finding::new(State::Ok, "source", source, found);
    }
    Finding::new(State::Warning, "source", source, format!("{held}; no workspace is linked to the organisation"))
        .advising(UNLINKED)
}

/// One row of the inventory, and what it tells of the API tokens that we sign in with elsewhere.
async fn ask_inventory(organization: &Organization, client: &Client) -> Result<Vec<Finding>, FetchError> {
    let inventory = Tokens::new(client.clone(), &organization.name, &organization.id);
    let emails: BTreeSet<&str> = organization.workspaces.iter().filter_map(|w| w.auth.email()).collect();
    if emails.is_empty() {
        inventory.glance().await?;
    }
    let mut findings = Vec::new();
    for email in emails {
        let first_to_end =
            inventory.of_account(email).await?.into_iter().filter(|t| t.expires_at.is_some()).min_by_key(|t| t.expires_at);
        findings.extend(first_to_end.map(|token| ends(email, &token)));
    }
    Ok(findings)
}

/// The inventory tells no token's value, so of several of an account the first to end is named.
fn ends(email: &str, token: &ApiToken) -> Finding {
    let expires = token.expires_at.map(|at| crate::evidence::Day::of(at).to_string()).unwrap_or_default();
    let found =
        format!("the first API token of this account to end is `{}`, on {expires}", crate::report::inert::name(&token.label));
    Finding::new(State::Ok, "expiry", email, found).advising("if it is ours, write its date as api_token_expires")
}

async fn ask_workspace(workspace: &Workspace, client: Client) -> Vec<Finding> {
    let name = SourceKind::Access.source(&workspace.slug);
    let mut findings = match Access::new(client.clone(), &workspace.slug).glance().await {
        Ok(lists) => opened_lists(&name, workspace, &lists),
        Err(error) => vec![refused(&name, &error, None, &workspace_credential(workspace), API)],
    };
    findings.extend(clocks_of(&workspace.api_url, &client));
    findings
}

/// One line for what is open, and one for each list that is closed.
fn opened_lists(name: &str, workspace: &Workspace, lists: &[Glance]) -> Vec<Finding> {
    let scope = |list: &Glance| match workspace.auth {
        WorkspaceAuth::AccessToken(_) => list.access_token_scope,
        WorkspaceAuth::ApiToken { .. } => list.api_token_scope,
    };
    let open = lists.iter().filter(|list| list.limit.is_none());
    let held: BTreeSet<&str> = open.clone().map(scope).collect();
    let is_admin = open.clone().any(|list| list.endpoint.ends_with("/permissions/repositories"));
    let mut findings = Vec::new();
    if !held.is_empty() {
        let role = if is_admin { "an administrator's view of the workspace" } else { "no administrator's view of the workspace" };
        let held: Vec<&str> = held.into_iter().collect();
        let found = format!("{} of {} lists open, scopes held: {}; {role}", open.count(), lists.len(), held.join(", "));
        findings.push(Finding::new(State::Ok, "source", name, found));
    }
    let members_open = lists.iter().any(|list| list.limit.is_none() && list.endpoint.ends_with("/members"));
    findings.extend(lists.iter().filter_map(|list| closed(name, workspace, list, members_open)));
    findings
}

/// What a closed list means: without some the workspace is unknown, without others it is read more slowly or in part.
fn closed(name: &str, workspace: &Workspace, list: &Glance, members_open: bool) -> Option<Finding> {
    let limit = list.limit.as_ref()?;
    let by_another_way = match list.endpoint {
        "/workspaces/{workspace}/permissions" => members_open,
        endpoint => endpoint.ends_with("/permissions/repositories") || endpoint.ends_with("/deploy-keys"),
    };
    let state = if limit.reason == LimitReason::Forbidden && by_another_way { State::Warning } else { State::Wrong };
    let found = match limit.reason {
        LimitReason::Scope => format!("{}: a scope is missing", limit.endpoint),
        LimitReason::Forbidden => format!("{}: a role or a scope is missing", limit.endpoint),
        LimitReason::NotVisible => format!("{} is not visible to our credential (404)", limit.endpoint),
        LimitReason::Removed => format!("{} was removed by Atlassian (410)", limit.endpoint),
        LimitReason::MarkedAsSpam => format!("{} is gone, perhaps marked as spam (410)", limit.endpoint),
    };
    Some(Finding::new(state, "source", name, found).advising(format!(
        "{}; the secret is {}",
        limit.advice,
        workspace_secret(workspace)
    )))
}

/// The key of an API's address.
const API: &str = "api_url";

/// A source that did not answer well. `lacking` is the scope that it needs of a key which opened another one, `address` the key
/// under which its address stands.
fn refused(source: &str, error: &FetchError, lacking: Option<&str>, credential: &str, address: &str) -> Finding {
    let state = if error.is_transient() { State::Unreachable } else { State::Wrong };
    let found = match lacking.filter(|_| error.is_ours()) {
        Some(scope) => format!("the key is valid, and the scope {scope} is missing ({error})"),
        None => error.to_string(),
    };
    let advice = match error {
        FetchError::Unauthorized { .. } | FetchError::Forbidden { .. } => format!("look at {credential}"),
        FetchError::NotFound { .. } | FetchError::Refused { .. } => format!("check the name or id, {address}, and {credential}"),
        FetchError::RateLimited { .. } => "wait as told and check again; other pollers may spend the same limit".to_owned(),
        FetchError::ForeignUrl { .. }
        | FetchError::ForeignCredential { .. }
        | FetchError::Unreadable { .. }
        | FetchError::NoEngine { .. } => {
            format!("check {address}, and what stands between here and there: a proxy or a login page answers so")
        }
        FetchError::Gone { .. } => "see the manual: Connect, Access".to_owned(),
        FetchError::Engine { .. } => "look at table, columns and the rights of the account, then check again".to_owned(),
        _ => format!("check {address}, [network] and the way out of this machine, then check again"),
    };
    Finding::new(state, "source", source, found).advising(advice)
}

/// How this machine's clock differs from that of the server that answered last.
fn clocks_of(api: &url::Url, client: &Client) -> Option<Finding> {
    let (server, theirs) = (api.host_str().unwrap_or_default(), client.take_usage().server_time?);
    let seconds = skew::ahead_seconds(ours(), theirs);
    let found = skew::words("the clock of this machine", seconds, &format!("{server}'s"));
    Some(clocks(server, seconds, found, "let NTP set the clock of this machine (timedatectl status)"))
}

/// How the clock of an engine differs from this machine's. Either of them may be wrong.
fn clocks_of_engine(name: &str, theirs: Timestamp) -> Finding {
    let seconds = skew::ahead_seconds((theirs, Instant::now()), ours());
    let found = skew::words("the clock of the engine", seconds, "this machine's");
    clocks(name, seconds, found, "let NTP set both clocks: the lines of Atlassian's servers say whether this machine's is right")
}

/// This machine's own clock, whatever `--now` says.
fn ours() -> skew::Reading {
    (Clock::System.now(), Instant::now())
}

fn clocks(server: &str, seconds: i64, found: String, advice: &str) -> Finding {
    let state = match seconds.saturating_abs() {
        0..=CLOCKS_DIFFER_SECONDS => return Finding::new(State::Ok, "clock", server, found),
        ..=skew::WRONG_SECONDS => State::Warning,
        _ => State::Wrong,
    };
    Finding::new(state, "clock", server, found).advising(advice)
}

async fn ask_engine(query: &Query, engine: LogEngine, now: Timestamp) -> Vec<Finding> {
    let name = SourceKind::Query.source(&query.name);
    let rounds::Glance { time, lines } = match rounds::glance_at_query(query, engine, now).await {
        Ok(glance) => glance,
        Err(error) => return vec![refused(&name, &error, None, &query_credential(query), "url")],
    };
    let clock = time.map(|theirs| clocks_of_engine(&name, theirs));
    let source = match lines {
        Err(malformed) => Finding::new(State::Wrong, "source", name, malformed.to_string()),
        Ok(lines) => {
            let lines = counted(lines, "line", "lines");
            let found = format!("the table can be asked; a second of an hour ago holds {lines} of Bitbucket");
            Finding::new(State::Ok, "source", name, found)
        }
    };
    [source].into_iter().chain(clock).collect()
}

async fn look_at_log(log: Arc<Log>, now: Timestamp) -> Vec<Finding> {
    let name = SourceKind::Log.source(&log.name);
    let finding = match rounds::glance(log, now).await {
        Ok(Ok(words)) => Finding::new(State::Ok, "source", name, words),
        Ok(Err(words)) => Finding::new(State::Wrong, "source", name, words)
            .advising("look at paths, format and fields, and at the rights on the files"),
        Err(error) => Finding::new(State::Unreachable, "source", name, error.to_string())
            .advising("check paths, and whether whatever writes these files has begun"),
    };
    vec![finding]
}
