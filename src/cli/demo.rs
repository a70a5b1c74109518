//! `demo`: a simulated organisation, looked at by the real service over HTTP and files, as on two mornings.
//!
//! Yesterday's round makes the history and yesterday's digest; then the world goes on for a day, its logs grow, and today's
//! round sees what changed. Nothing goes through memory that would not go through a socket or a file in earnest.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use jiff::{Timestamp, ToSpan as _};

use super::{progress::Progress, simulate::beginning};
use crate::{
    analysis::counted,
    config,
    daemon::{Engine, Judged},
    deliver::files::write_file_atomic,
    report::Audience,
    simulator::{self, LogFiles, ServeOptions, Server, World},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Where everything is written.
    #[arg(long, value_name = "DIR", default_value = "duskwatch-demo")]
    dir: PathBuf,
    /// Same seed, same organisation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// small, default or large.
    #[arg(long, default_value = "default", value_parser = super::simulate::size)]
    size: simulator::Size,
    /// Stop after writing instead of serving the page.
    #[arg(long)]
    once: bool,
}

/// The day the demo is seen from: week four of the brownouts.
const DEMO_NOW: &str = "2026-07-03T07:00:00Z";

/// The demo keeps every package it writes.
const KEEP_DAYS: i32 = 3_650;

/// Left in every directory that a demo or simulation made, so that only such a directory is ever emptied.
const MARKER: &str = ".duskwatch-simulated";

pub async fn run(arguments: Arguments, now: Option<Timestamp>) -> anyhow::Result<()> {
    let now = match now {
        Some(now) => now,
        None => DEMO_NOW.parse().context("the demo's own day")?,
    };
    let dir = fresh_directory(&arguments.dir)?;
    let bar = Progress::start();
    bar.step("generating an organisation");
    let options = simulator::Options::new(arguments.size, now);
    let world = Arc::new(World::generate(arguments.seed, &options));
    let server = simulator::serve(Arc::clone(&world), ServeOptions::default()).await?;
    let yesterday = now.checked_sub(24.hours()).context("the day before")?;
    bar.step("five months of logs are written");
    let logs = world.write_logs(&dir.join("logs"), beginning(&options), yesterday)?;
    server.set_now(yesterday);
    let site = Site::new(&dir, &world, &server, &logs)?;
    let engine =
        Arc::new(Engine::open(config::parse("demo", &site.text, config::Secrets::Needed).map_err(|faults| words(&faults))?)?);
    engine.begin("demo", yesterday).await?;
    bar.step("yesterday's round: five months of audit pages over HTTP, five months of log lines from files");
    poll(&engine, yesterday, &bar).await?;
    let judged = engine.judge(yesterday).await?;
    engine.note_as_sent(&judged, yesterday).await?;

    bar.step("a day goes by: the logs grow, the audit log goes on");
    world.write_logs(&dir.join("logs"), yesterday, now)?;
    server.set_now(now);
    bar.step("today's round: what is new, and only that");
    poll(&engine, now, &bar).await?;
    bar.step("judging and writing");
    let judged = engine.judge(now).await?;
    let written = write_documents(&engine, &judged, &dir, now)?;
    bar.finish();
    super::say(&judged.text(&Audience::Security, super::terminal_width()))?;
    super::say(&written)?;
    let summary = requests(&server);
    super::say(&format_args!("\n{summary}"))?;

    if !arguments.once {
        serve(&engine, &judged).await?;
    }
    server.shutdown().await.context("the simulated APIs")
}

async fn poll(engine: &Arc<Engine>, now: Timestamp, bar: &Progress) -> anyhow::Result<()> {
    let outcome = engine.poll(&[], None, now).await?;
    for line in &outcome.lines {
        bar.note(line);
    }
    if !outcome.failed.is_empty() {
        bail!("the simulated organisation could not be read: {}", outcome.failed.join(", "));
    }
    Ok(())
}

/// The mails, the CSV package, the page and the JSON report; says where each is.
fn write_documents(engine: &Engine, judged: &Judged, dir: &Path, now: Timestamp) -> anyhow::Result<String> {
    let mut lines = String::from("Look at:\n");
    let busiest = judged.busiest_owner().map(|owner| (Audience::Owner(owner), "notice.eml", "the mail to one owner"));
    let mails = [
        (Audience::Security, "digest.eml", "the daily mail to security (open it in a mail program)"),
        (Audience::Leadership, "brief.eml", "the weekly mail to leadership"),
    ];
    for (audience, name, what) in mails.into_iter().chain(busiest) {
        let path = dir.join(name);
        write_file_atomic(&path, &engine.compose(&audience, judged, now)?)?;
        writeln!(lines, "  {:<44} {what}", path.display().to_string())?;
    }
    let package = judged.write_package(&dir.join("csv"), KEEP_DAYS)?;
    for (name, bytes, what) in [
        ("page.html", judged.html(&Audience::Security), "the page, as one file"),
        ("report.json", judged.json(), "the same document for machines"),
        ("calendar.ics", judged.calendar(), "brownouts, the removal, latest safe starts and expiries for a calendar program"),
    ] {
        let path = dir.join(name);
        write_file_atomic(&path, bytes.as_bytes())?;
        writeln!(lines, "  {:<44} {what}", path.display().to_string())?;
    }
    writeln!(lines, "  {:<44} the CSV package; integrations.csv is the whole ranking", package.display().to_string())?;
    writeln!(lines, "  {:<44} the configuration that was used", dir.join("duskwatch.toml").display().to_string())?;
    Ok(lines)
}

async fn serve(engine: &Engine, judged: &Judged) -> anyhow::Result<()> {
    let stop = super::signals::stop();
    let address = engine.serve_once(judged, stop.clone()).await?;
    super::say(&format_args!("The page is served on http://{address} until Ctrl-C."))?;
    stop.cancelled().await;
    Ok(())
}

fn requests(server: &Server) -> String {
    let total: u64 = server.requests().values().sum();
    format!("{} made to the simulated APIs.", counted(total, "request was", "requests were"))
}

fn words(faults: &[config::Fault]) -> anyhow::Error {
    anyhow::anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// An empty directory; an earlier demo's is emptied, anything else is left alone.
pub fn fresh_directory(dir: &Path) -> anyhow::Result<PathBuf> {
    if dir.join(MARKER).exists() {
        std::fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
    } else if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        bail!("{} is not empty and was not made by a demo: choose another with --dir", dir.display());
    }
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    std::fs::write(dir.join(MARKER), "")?;
    Ok(dir.to_owned())
}

/// A simulated organisation as duskwatch is told about it: configuration, keys and logs in one directory.
pub struct Site {
    pub config: PathBuf,
    pub text: String,
}

impl Site {
    pub fn new(dir: &Path, world: &World, server: &Server, logs: &LogFiles) -> anyhow::Result<Self> {
        let keys = dir.join("keys");
        std::fs::create_dir_all(&keys)?;
        let simulated = ServeOptions::default();
        write_key(&keys.join("organization"), &simulated.organization_key)?;
        write_key(&keys.join("workspace"), &simulated.workspace_token)?;
        let text = configuration(dir, &keys, logs, world, server)?;
        let config = dir.join("duskwatch.toml");
        std::fs::write(&config, &text)?;
        Ok(Self { config, text })
    }
}

/// Readable by its owner only, as `check` wants a secret to be.
fn write_key(path: &Path, key: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(key.as_bytes())
}

/// What an operator would write for this organisation.
fn configuration(dir: &Path, keys: &Path, logs: &LogFiles, world: &World, server: &Server) -> anyhow::Result<String> {
    let organization = world.organization();
    let mut out = String::new();
    writeln!(out, "# A simulated organisation: the keys open nothing.\n[[organization]]")?;
    writeln!(out, "name = {:?}\nid = {:?}", organization.name, organization.id)?;
    writeln!(out, "api_url = {:?}\napi_key = \"file:{}\"", server.atlassian_url(), keys.join("organization").display())?;
    writeln!(out, "requests_per_minute = 60000\n")?;
    for slug in world.workspaces() {
        writeln!(out, "[[organization.workspace]]\nslug = {slug:?}\napi_url = {:?}", server.bitbucket_url())?;
        writeln!(out, "auth = {{ access_token = \"file:{}\" }}", keys.join("workspace").display())?;
        writeln!(out, "requests_per_hour = 1000000\n")?;
    }
    for log in &logs.logs {
        writeln!(out, "{}", log.section())?;
    }
    writeln!(out, "[http]\nlisten = \"127.0.0.1:0\"\n")?;
    writeln!(out, "[store]\npath = {:?}\n", dir.join("duskwatch.db").display().to_string())?;
    writeln!(out, "[csv]\ndirectory = {:?}\n", dir.join("csv").display().to_string())?;
    for network in world.named_networks() {
        writeln!(out, "[[origin]]\nname = {:?}\nnetworks = {:?}\n", network.name, network.networks)?;
    }
    for owner in world.owners() {
        writeln!(
            out,
            "[[owner]]\nname = {:?}\nemail = {:?}\nlead_time = \"{}d\"",
            owner.name, owner.email, owner.lead_time_days
        )?;
        writeln!(out, "match = {{ workspace = {:?}, repository = {:?} }}\n", owner.workspace, owner.repository)?;
    }
    writeln!(
        out,
        "[[blind_spot]]\nname = \"home offices\"\nreason = \"split-tunnel VPN: their traffic does not pass the egress proxies\""
    )?;
    Ok(out)
}
