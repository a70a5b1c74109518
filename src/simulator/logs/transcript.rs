//! The output of jobs, as Jenkins and GitLab keep it.

use std::fmt::Write;

use crate::evidence::{Credential, Outcome};

use super::super::{World, audit::time_text, fate::Presented, organization::User, uses::Use, world::Integration};

/// Of a job's runs a day, this many are collected.
const RUNS_A_DAY: usize = 5;

/// The output of one job's runs of a day that begin in a window of time.
pub(super) fn of_day(world: &World, integration: &Integration, job: &str, uses: &[Use], window: (i64, i64)) -> String {
    let mut text = String::new();
    for one in uses.iter().take(RUNS_A_DAY).filter(|one| (window.0..window.1).contains(&one.at_ms)) {
        let mut clock = one.at_ms;
        for line in run(world, integration, job, one) {
            write_line(&mut text, integration, clock, &line);
            clock += 120 + i64::from(one.salt.to_le_bytes()[3]);
        }
    }
    text
}

/// Jenkins brackets its timestamps, GitLab gives microseconds and a stream.
fn write_line(text: &mut String, integration: &Integration, at_ms: i64, line: &str) {
    let time = time_text(at_ms, false);
    let written = if gitlab(integration) {
        writeln!(text, "{}000Z 00O {line}", time.trim_end_matches('Z'))
    } else {
        writeln!(text, "[{time}] {line}")
    };
    written.expect("writing to a string does not fail");
}

fn gitlab(integration: &Integration) -> bool {
    integration.deployment % 3 == 2
}

fn run(world: &World, integration: &Integration, job: &str, one: &Use) -> Vec<String> {
    let user = &world.places.users[integration.user];
    let name = world.places.full_name(one.repository);
    let url = url(user, one, &name);
    let number = one.at_ms / 60_000 % 10_000;
    let mut lines = if gitlab(integration) {
        vec![
            format!("Running with gitlab-runner 17.11.0 on runner-{:02}", one.salt % 12),
            format!("Job {job} #{number}"),
            "Fetching changes with git depth set to 20...".to_owned(),
        ]
    } else {
        vec![
            "Started by an SCM change".to_owned(),
            format!("Building remotely on agent-{:02} in workspace /var/jenkins/workspace/{job}", one.salt % 24),
            format!(" > git fetch --tags --force --progress -- {url} +refs/heads/*:refs/remotes/origin/* # timeout=10"),
        ]
    };
    if one.outcome == Outcome::Rejected {
        lines.extend(refusal(one, &name));
        lines.push(if gitlab(integration) { "ERROR: Job failed: exit status 1" } else { "Finished: FAILURE" }.to_owned());
    } else {
        lines.push(format!(" > git rev-parse refs/remotes/origin/main^{{commit}} # {:011x}", one.salt >> 20));
        lines.push(if gitlab(integration) { "Job succeeded" } else { "Finished: SUCCESS" }.to_owned());
    }
    lines
}

/// What git was told to fetch; the username stands in the address where it is needed.
fn url(user: &User, one: &Use, name: &str) -> String {
    match one.credential {
        Credential::AppPassword => format!("https://{}@bitbucket.org/{name}.git", user.nickname),
        Credential::SshKey => format!("git@bitbucket.org:{name}.git"),
        _ => format!("https://bitbucket.org/{name}.git"),
    }
}

fn refusal(one: &Use, name: &str) -> Vec<String> {
    if one.status == 410 {
        return vec![
            "remote: CHANGE-3222 - Functionality has been deprecated".to_owned(),
            "remote: App passwords are deprecated and must be replaced with API tokens.".to_owned(),
            "remote: https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222".to_owned(),
            format!("fatal: unable to access 'https://bitbucket.org/{name}.git/': The requested URL returned error: 410"),
        ];
    }
    let why = if one.presented == Presented::Mistaken {
        "remote: You may not have access to this repository or it no longer exists in this workspace. If you think this \
         repository exists and you have access, make sure you are authenticated."
    } else {
        "remote: Unauthorized"
    };
    vec![why.to_owned(), format!("fatal: Authentication failed for 'https://bitbucket.org/{name}.git/'")]
}
