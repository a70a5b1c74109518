//! The output of jobs, as the CI systems of the organisation keep it.

use std::fmt::Write;

use crate::evidence::{Credential, Day, Outcome, time::instant};

use super::super::{World, audit::time_text, fate::Presented, organization::User, uses::Use, world::Integration};

/// Of a job's runs a day, this many are collected.
const RUNS_A_DAY: usize = 5;

/// Who runs a job, and so how its output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Jenkins,
    GitLab,
    GitHub,
    Bamboo,
    /// A timer's script: what it says has no times, and is kept, one file a run, where it failed.
    Cron,
}

/// The output of runs that stand in one file.
pub(super) struct Output {
    pub file: String,
    pub text: String,
    /// When the last of them was written, where the lines do not say.
    pub written_ms: Option<i64>,
}

/// The output of one job's runs of a day that begin in a window of time.
pub(super) fn of_day(world: &World, integration: &Integration, job: &str, uses: &[Use], window: (i64, i64)) -> Vec<Output> {
    let runner = Runner::of(integration);
    let mut outputs: Vec<Output> = Vec::new();
    for one in uses.iter().take(RUNS_A_DAY).filter(|one| (window.0..window.1).contains(&one.at_ms)) {
        let (text, end_ms) = runner.run(world, integration, job, one);
        match (runner, outputs.last_mut()) {
            (Runner::Cron, _) if one.outcome != Outcome::Rejected => {}
            (Runner::Cron, _) => {
                let file = format!("{job}_{}.log", one.at_ms / 1_000);
                outputs.push(Output { file, text, written_ms: Some(end_ms) });
            }
            (_, Some(output)) => output.text.push_str(&text),
            (_, None) => outputs.push(Output { file: format!("{job}.log"), text, written_ms: None }),
        }
    }
    outputs
}

impl Runner {
    fn of(integration: &Integration) -> Self {
        [Self::Jenkins, Self::Jenkins, Self::GitLab, Self::GitHub, Self::Bamboo, Self::Cron][integration.deployment as usize % 6]
    }

    /// What one run writes, and when it ends.
    fn run(self, world: &World, integration: &Integration, job: &str, one: &Use) -> (String, i64) {
        let user = &world.places.users[integration.user];
        let name = world.places.full_name(one.repository);
        let number = one.at_ms / 60_000 % 10_000;
        let refused = one.outcome == Outcome::Rejected;
        let mut lines = self.beginning(job, number, one, &url(user, one, &name));
        lines.extend(if refused { self.refusal(one, &name) } else { Vec::new() });
        lines.extend(self.end(refused, one));
        let (mut text, mut clock) = (String::new(), one.at_ms);
        for line in lines {
            self.write_line(&mut text, clock, refused, &line);
            clock += 120 + i64::from(one.salt.to_le_bytes()[3]);
        }
        (text, clock)
    }

    fn write_line(self, text: &mut String, at_ms: i64, refused: bool, line: &str) {
        let time = time_text(at_ms, false);
        let written = match self {
            Self::Jenkins => writeln!(text, "[{time}] {line}"),
            Self::GitLab => writeln!(text, "{}000Z 0{}O {line}", time.trim_end_matches('Z'), at_ms % 2),
            Self::GitHub => writeln!(text, "{}1234Z {line}", time.trim_end_matches('Z')),
            Self::Bamboo => {
                let kind = if refused && line.contains(": ") { "error" } else { "build" };
                writeln!(text, "{kind}\t{}\t{line}", instant(at_ms).strftime("%d-%b-%Y %H:%M:%S"))
            }
            Self::Cron => writeln!(text, "{line}"),
        };
        written.expect("writing to a string does not fail");
    }

    fn beginning(self, job: &str, number: i64, one: &Use, url: &str) -> Vec<String> {
        let lines: [String; 4] = match self {
            Self::Jenkins => [
                "Started by an SCM change".to_owned(),
                format!("Building remotely on agent-{:02} in workspace /var/jenkins/workspace/{job}", one.salt % 24),
                "using credential bitbucket".to_owned(),
                format!(" > git fetch --tags --force --progress -- {url} +refs/heads/*:refs/remotes/origin/* # timeout=10"),
            ],
            Self::GitLab => [
                format!("Running with gitlab-runner 17.11.0 on runner-{:02}", one.salt % 12),
                format!("Job {job} #{number}"),
                format!(
                    "section_start:{}:step_script\r\u{1b}[0K\u{1b}[36;1mExecuting the job script\u{1b}[0;m",
                    one.at_ms / 1_000
                ),
                format!("\u{1b}[32;1m$ git fetch --depth 20 {url}\u{1b}[0;m"),
            ],
            Self::GitHub => [
                "##[group]Run actions/checkout@v4".to_owned(),
                format!("Complete job name: {job}"),
                format!("[command]/usr/bin/git remote add origin {url}"),
                "[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --depth=1 origin main".to_owned(),
            ],
            Self::Bamboo => [
                format!("Build {job} - Default Job #{number} ({}-{number}) started building on agent Linux", job.to_uppercase()),
                "see CHANGELOG.md: CHANGE-3222 asks for API tokens".to_owned(),
                "Executing build".to_owned(),
                format!("Fetching 'refs/heads/main' from '{url}'."),
            ],
            Self::Cron => [
                "$ cd /srv/mirror".to_owned(),
                "$ echo 'CHANGE-3222: App passwords are deprecated'".to_owned(),
                "CHANGE-3222: App passwords are deprecated".to_owned(),
                format!("$ git fetch --prune {url}"),
            ],
        };
        lines.into()
    }

    fn refusal(self, one: &Use, name: &str) -> Vec<String> {
        let lines = refusal(one, name);
        match self {
            Self::GitHub => lines.into_iter().map(|line| format!("##[error]{line}")).collect(),
            Self::GitLab => lines.into_iter().map(|line| format!("\u{1b}[31m{line}\u{1b}[0m")).collect(),
            _ => lines,
        }
    }

    fn end(self, refused: bool, one: &Use) -> Vec<String> {
        let commit = one.salt >> 20;
        let end = match (self, refused) {
            (Self::Jenkins, true) => "Finished: FAILURE",
            (Self::Jenkins, false) => "Finished: SUCCESS",
            (Self::GitLab, true) => "ERROR: Job failed: exit status 1",
            (Self::GitLab, false) => "Job succeeded",
            (Self::GitHub, true) => "##[error]The process '/usr/bin/git' failed with exit code 128",
            (Self::Bamboo, _) => "Finished processing",
            (Self::GitHub, false) | (Self::Cron, _) => "done",
        };
        let done = (!refused).then(|| format!("HEAD is now at {commit:011x}"));
        done.into_iter().chain([end.to_owned()]).collect()
    }
}

/// What git was told to fetch; the username stands in the address where it is needed.
fn url(user: &User, one: &Use, name: &str) -> String {
    match one.credential {
        Credential::AppPassword => {
            format!("https://{}@bitbucket.org/{name}.git", user.nickname_on(Day::of_ms(one.at_ms)))
        }
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
