//! Which job a transcript is the output of, by its first lines, else by where its file lies.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::line::{plain, regex, split_stamp};

/// A job is named in the first lines, before its own commands write anything.
const HEAD_LINES: usize = 400;

/// File names that say nothing about the job.
const NAMELESS: [&str; 9] = ["log", "logs", "output", "console", "consoletext", "build", "job", "stdout", "stderr"];

/// The job as the transcript's first lines name it, the most telling sign first.
pub(super) fn of_head(head: &str) -> Option<String> {
    let mut found: BTreeMap<usize, String> = BTreeMap::new();
    for line in head.lines().take(HEAD_LINES) {
        let line = plain(line);
        let (_, text) = split_stamp(&line);
        for text in text.split('\r') {
            for (number, sign) in SIGNS.iter().enumerate() {
                if let Some(name) = sign.captures(text).and_then(|found| found.iter().skip(1).flatten().next()) {
                    found.entry(number).or_insert_with(|| name.as_str().trim_end_matches(['/', '.']).to_owned());
                }
            }
        }
    }
    let (project, job) = (found.remove(&GITLAB_PROJECT), found.remove(&GITLAB_JOB));
    match (project, job) {
        (Some(project), Some(job)) => Some(format!("{project}/{job}")),
        (project, job) => found.into_values().next().or(job).or(project),
    }
}

/// The job by the path of its output: Jenkins' folders, a folder of numbered builds, else the file's own name.
pub(super) fn of_path(path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty() && *segment != "-").collect();
    let (file, folders) = segments.split_last()?;
    let jenkins: Vec<&str> =
        folders.windows(2).filter(|pair| matches!(pair[0], "jobs" | "branches")).map(|pair| pair[1]).collect();
    if !jenkins.is_empty() && folders.contains(&"builds") {
        return Some(jenkins.join("/"));
    }
    if let Some(builds) = folders.iter().rposition(|folder| *folder == "builds") {
        return folders.get(builds + 1).map(|name| (*name).to_owned());
    }
    let names = std::iter::once(unnumbered(stem(file))).chain(folders.iter().rev().map(|folder| unnumbered(folder)));
    names.take(3).find(|name| !name.is_empty() && !NAMELESS.contains(&name.to_ascii_lowercase().as_str())).map(str::to_owned)
}

/// A file's name without its endings, and without what rotation appends to them.
fn stem(file: &str) -> &str {
    let packed = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    let rotated = NUMBERED_END.find(packed).map_or(packed, |end| &packed[..end.start()]);
    without_ending(packed).or_else(|| without_ending(rotated)).unwrap_or(packed)
}

fn without_ending(name: &str) -> Option<&str> {
    [".log", ".txt", ".out", ".output", ".console"].iter().find_map(|ending| name.strip_suffix(ending))
}

/// A name without the number or date of the run.
fn unnumbered(name: &str) -> &str {
    let rest = NUMBERED_END.find(name).map_or(name, |end| &name[..end.start()]);
    NUMBERED_START.find(rest).map_or(rest, |start| &rest[start.end()..])
}

const GITLAB_PROJECT: usize = 5;
const GITLAB_JOB: usize = 6;

/// How the first lines name a job.
static SIGNS: LazyLock<[Regex; 8]> = LazyLock::new(|| {
    [
        // Jenkins; `@2` is a second workspace of the same job.
        regex(r"^(?:Building|Running)\b.*[/\\]workspace[/\\]([^@\s]+)"),
        // Bamboo: the plan's key in what the agent says, without the number of the build.
        regex(r"\(([A-Z][A-Z0-9]+(?:-[A-Z0-9]+)+)-\d+\) started building"),
        regex(r"^(?:export )?GITHUB_WORKFLOW[:=] ?[']?([^\s'][^']*[^\s'])"),
        regex(r"^Complete job name: (\S.*\S)"),
        regex(r"^(?:export )?BITBUCKET_REPO_FULL_NAME=(\S+)"),
        regex(
            r"^(?:export )?CI_PROJECT_PATH[:=] ?(\S+)|^(?:Reinitialized existing|Initialized empty) Git repository in /builds/(\S+)/\.git/",
        ),
        regex(r"^(?:export )?CI_JOB_NAME[:=] ?(\S.*)"),
        regex(r"^Job (\S+) #\d+"),
    ]
});
static NUMBERED_END: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:[-_.#@+]?(?:\d[\dTZ:._-]*))+$"));
static NUMBERED_START: LazyLock<Regex> = LazyLock::new(|| regex(r"^\d[\dTZ:._-]*[-_.]"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_name_the_job() {
        for (head, job) in [
            (
                "Started by user ada\nRunning as SYSTEM\nBuilding in workspace /var/lib/jenkins/workspace/payments-nightly\n",
                "payments-nightly",
            ),
            (
                "[2026-07-03T06:07:12.482Z] Running on agent-7 in /home/jenkins/workspace/team/payments_main@2\n",
                "team/payments_main",
            ),
            (
                "simple\t03-Jul-2026 06:07:12\tBuild Payments - Nightly - Default Job #17 (ACME-PAY-JOB1-17) started building on agent x\n",
                "ACME-PAY-JOB1",
            ),
            (
                "2026-07-03T06:07:12.482Z 00O \u{1b}[0KReinitialized existing Git repository in /builds/acme/payments/.git/\n",
                "acme/payments",
            ),
            ("CI_PROJECT_PATH=acme/payments\nCI_JOB_NAME=nightly build\n", "acme/payments/nightly build"),
            ("2026-07-03T06:07:12.4821234Z Complete job name: build (ubuntu)\n", "build (ubuntu)"),
            ("BITBUCKET_REPO_FULL_NAME=acme/payments\n", "acme/payments"),
            ("2026-07-03T06:07:12.000Z 00O Job mirror-api #41\n", "mirror-api"),
        ] {
            assert_eq!(of_head(head).as_deref(), Some(job), "{head}");
        }
        assert_eq!(of_head("make: Nothing to be done\n"), None);
    }

    #[test]
    fn a_path_names_the_job() {
        for (path, job) in [
            ("/var/lib/jenkins/jobs/payments-nightly/builds/17/log", Some("payments-nightly")),
            ("/var/lib/jenkins/jobs/team/jobs/payments/branches/main/builds/17/log", Some("team/payments/main")),
            ("/srv/builds/payments-nightly/17.log", Some("payments-nightly")),
            ("/var/log/ci/payments-nightly-17.log", Some("payments-nightly")),
            ("/var/log/ci/payments-nightly_2026-07-03.log.gz", Some("payments-nightly")),
            ("/var/log/ci/payments-nightly.log.1", Some("payments-nightly")),
            ("/var/log/ci/payments-nightly.log-20260703.gz", Some("payments-nightly")),
            ("/var/log/ci/mirror/1234.txt", Some("mirror")),
            ("/var/log/ci/mirror/17/console.log", Some("mirror")),
            ("0_build-api.txt", Some("build-api")),
            ("C:\\agent\\jobs\\pay\\builds\\3\\log", Some("pay")),
            ("-", None),
        ] {
            assert_eq!(of_path(path).as_deref(), job, "{path}");
        }
    }
}
