//! The commands. Results go to standard output, everything else to standard error.

mod check;
mod demo;
mod explain;
mod export;
mod generated;
mod import;
mod init;
mod progress;
mod secrecy;
mod send;
mod signals;
mod simulate;
mod status;
mod store;

use std::{
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    analysis::counted,
    clock::Clock,
    config::{self, Secrets},
    daemon::{self, Engine, Options},
    deliver::otel::Own,
    evidence::Day,
    report::{Audience, inert},
    telemetry,
};
use progress::Progress;

/// Who still signs in to Bitbucket Cloud with an app password, what breaks when app passwords go, who has to move, and
/// whether it will be done in time.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = "duskwatch.toml")]
    config: PathBuf,
    /// The instant to see everything from, instead of the clock (RFC 3339). Refused by run.
    #[arg(long, global = true, value_name = "RFC3339")]
    now: Option<Timestamp>,
    /// How the log on standard error is written; RUST_LOG says how much of it.
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value = "text")]
    log_format: telemetry::Form,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A simulated organisation on loopback, end to end: poll, record, rank, write mail, CSV and HTML, serve the page.
    Demo(demo::Arguments),
    /// The simulated APIs and log files alone, for development and load.
    Simulate(simulate::Arguments),
    /// A commented configuration, from a few questions on a terminal or from flags; nothing is overwritten.
    Init(Box<init::Arguments>),
    /// Completions for a shell.
    Completions(generated::Completions),
    #[command(hide = true)]
    Man(generated::Manual),
    /// The service, until SIGTERM or Ctrl-C.
    Run,
    /// One complete round of every source, then stop.
    Poll {
        /// Only this source (audit/NAME, tokens/NAME, access/NAME, log/NAME, query/NAME); may be repeated.
        #[arg(long, value_name = "NAME")]
        source: Vec<String>,
        /// Read the audit log, and ask queries, from this day on, instead of from where the last round stopped.
        #[arg(long, value_name = "DATE", value_parser = day)]
        since: Option<Day>,
    },
    /// Evidence or registers from files; the same content twice changes nothing.
    Import(import::Arguments),
    /// One report from the store.
    Report {
        /// security, leadership or owner:NAME.
        #[arg(long, default_value = "security")]
        audience: Audience,
        #[arg(long, default_value = "text")]
        format: ReportFormat,
        /// As it stood at the end of this day.
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<Day>,
        /// Write to this file instead of standard output.
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// The CSV package from the store, or a signed file of what was counted, for an instance that reports for several.
    Export(export::Arguments),
    /// Every piece of evidence behind a row, newest first, with the rule that graded it, and what would change the verdict.
    Explain(explain::Arguments),
    /// Apply the present rules, catalogue, named networks and dates to what was kept, and say what is different. It may be
    /// stopped at any time: the next one goes on there.
    Reclassify {
        /// Say what would be different, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Sources, freshness, gaps, last deliveries, the headline and the store, on one screen.
    Status(status::Arguments),
    /// Exit 0 if the running service is healthy (for containers), and say whether it is ready.
    Health,
    /// The database file: copy it, look whether it is sound, remove what is too old.
    Store {
        #[command(subcommand)]
        action: store::Action,
    },
    /// Prove the configuration, the secrets and their scopes, one page of each source, and the destinations. Records nothing.
    Check(check::Arguments),
    /// Deliver now what would be delivered on schedule.
    Send(send::Arguments),
}

#[derive(Clone, Copy, ValueEnum)]
enum ReportFormat {
    Text,
    Html,
    Json,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a date such as 2026-07-28".to_owned())
}

/// How long a stop waits for the last logs and traces to be taken.
const LAST_EXPORT_LIMIT: Duration = Duration::from_secs(4);

/// Exit statuses of the contract.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const IN_PART: u8 = 75;
const CONFIGURATION: u8 = 78;

/// Why a command did not end well, with its exit status.
enum Failure {
    Configuration(Vec<config::Fault>),
    Usage(String),
    InPart(String),
    /// The configuration has no way to do what is asked.
    NoWay(String),
    /// What was found has been said.
    Found(u8),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// The whole program: its result is the exit status.
pub fn main() -> ExitCode {
    secrecy::keep_quiet_in_panics();
    if let Err(error) = secrecy::keep_memory() {
        complain(&format_args!("duskwatch: a crash may leave secrets in a core dump: {error}"));
    }
    let cli = Cli::parse();
    if let Some(level) = log_level(&cli.command) {
        telemetry::start(level, cli.log_format, &Own::default());
    }
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format_args!("duskwatch: no runtime could be started: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    let result = runtime.block_on(dispatch(cli));
    runtime.shutdown_timeout(Duration::from_secs(5));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report_failure(&failure),
    }
}

/// How much a command logs by itself; none for the service, whose configuration may want its log elsewhere, too.
fn log_level(command: &Command) -> Option<LevelFilter> {
    match command {
        Command::Run => None,
        Command::Demo(_)
        | Command::Report { .. }
        | Command::Export(_)
        | Command::Explain(_)
        | Command::Status(_)
        | Command::Health
        | Command::Check(_) => Some(LevelFilter::WARN),
        // It says itself how each source went.
        Command::Poll { .. } => Some(LevelFilter::ERROR),
        _ => Some(LevelFilter::INFO),
    }
}

/// Says something on standard error, where anybody listens: whoever does not is told by the exit status.
fn complain(words: &dyn fmt::Display) {
    drop(writeln!(io::stderr(), "{words}"));
}

fn report_failure(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Configuration(faults) => {
            for fault in faults {
                complain(&inert::sentence(&fault.to_string()));
            }
            complain(&format_args!("duskwatch: {} in the configuration", counted(faults.len() as u64, "fault", "faults")));
            ExitCode::from(CONFIGURATION)
        }
        Failure::Usage(words) => {
            complain(&format_args!("duskwatch: {words}"));
            ExitCode::from(USAGE)
        }
        Failure::NoWay(words) => {
            complain(&format_args!("duskwatch: {words}"));
            ExitCode::from(CONFIGURATION)
        }
        Failure::InPart(words) => {
            complain(&format_args!("duskwatch: done in part: {words}"));
            ExitCode::from(IN_PART)
        }
        Failure::Found(status) => ExitCode::from(*status),
        Failure::Failed(error) => {
            complain(&format_args!("duskwatch: {error:#}"));
            ExitCode::from(FAILED)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let clock = cli.now.map_or(Clock::System, Clock::Fixed);
    let read = |secrets| config::load(&cli.config, secrets).map_err(Failure::Configuration);
    let load = || read(Secrets::Needed);
    let load_to_watch = || config::load_to_watch(&cli.config).map_err(Failure::Configuration);
    let load_to_look = || read(Secrets::Unneeded);
    match cli.command {
        Command::Demo(arguments) => Ok(demo::run(arguments, cli.now).await?),
        Command::Simulate(arguments) => simulate::run(arguments, clock).await,
        Command::Init(arguments) => init::run(*arguments, &cli.config),
        Command::Completions(arguments) => Ok(generated::completions(&arguments)?),
        Command::Man(arguments) => Ok(generated::manual(&arguments)?),
        Command::Run => match clock {
            Clock::Fixed(_) => Err(Failure::Usage("run goes by the real clock; --now is for the other commands".to_owned())),
            Clock::System => Ok(serve(load_to_watch()?, cli.config.clone(), cli.log_format).await?),
        },
        Command::Poll { source, since } => poll(load_to_watch()?, clock, &source, since).await,
        Command::Import(arguments) => import::run(arguments, load_to_look()?, clock).await,
        Command::Report { audience, format, as_of, output } => {
            come(as_of, clock)?;
            let options = load_to_look()?;
            let configured = known(&audience, &options);
            let seen = daemon::look(options, as_of, clock.now()).await?;
            // A team of the directory need not be configured to own something.
            if let (Err(refused), Audience::Owner(name)) = (configured, &audience)
                && !seen.has_owner(name)
            {
                return Err(refused);
            }
            let text = match format {
                ReportFormat::Text => seen.text(&audience, terminal_width()),
                ReportFormat::Html => seen.html(&audience),
                ReportFormat::Json => seen.json_for(&audience),
            };
            leave(seen);
            Ok(write_result(output.as_deref(), text.as_bytes())?)
        }
        Command::Export(arguments) => export::run(arguments, read, clock).await,
        Command::Explain(arguments) => explain::run(arguments, load_to_look()?, clock).await,
        Command::Reclassify { dry_run } => Ok(reclassify(load_to_look()?, clock, dry_run).await?),
        Command::Status(arguments) => match load_to_look() {
            Ok(options) => status::run(arguments, options, clock).await,
            Err(refused) => {
                report_failure(&refused);
                status::say_service(&cli.config).await;
                Err(Failure::Found(CONFIGURATION))
            }
        },
        Command::Health => status::health(config::page(&cli.config).map_err(Failure::Configuration)?).await,
        Command::Store { action } => store::run(action, load_to_look()?, clock).await,
        Command::Check(arguments) => check::run(&arguments, &cli.config, clock).await,
        Command::Send(arguments) => {
            let options = if arguments.only_shows() { load_to_look() } else { load() }?;
            send::run(arguments, options, clock).await
        }
    }
}

/// Leaves to the end of the process what is not needed any more: to give back millions of pieces one by one takes much longer.
fn leave(seen: daemon::Judged) {
    std::mem::forget(seen);
}

/// The service, and its log from the moment at which the configuration is known.
async fn serve(options: Options, file: PathBuf, log_format: telemetry::Form) -> anyhow::Result<()> {
    let own = options.own_telemetry().context("[otel]")?;
    telemetry::start(LevelFilter::INFO, log_format, &own);
    let renewal = daemon::Renewal::new(signals::hangup()?, move || config::load_to_watch(&file));
    let ended = daemon::run(options, renewal, signals::stop()).await;
    if let Err(error) = own.shutdown(LAST_EXPORT_LIMIT).await {
        tracing::warn!(error = %format!("{error:#}"), "the last logs and traces were not exported");
    }
    ended
}

async fn poll(options: Options, clock: Clock, sources: &[String], since: Option<Day>) -> Result<(), Failure> {
    let engine = Arc::new(Engine::open(options)?);
    let _lock = engine.lock().map_err(anyhow::Error::from)?;
    let unknown: Vec<&str> =
        sources.iter().map(String::as_str).filter(|s| !engine.source_names().iter().any(|n| n == s)).collect();
    if let Some(name) = unknown.first() {
        return Err(Failure::Usage(format!("there is no source `{name}`; there are: {}", engine.source_names().join(", "))));
    }
    let now = clock.now();
    engine.begin("poll", now).await.map_err(anyhow::Error::from)?;
    let bar = Progress::start();
    bar.step("the sources are being read");
    let outcome = engine.poll(sources, since, now).await?;
    bar.step("judging");
    engine.judge(now).await?;
    bar.finish();
    for line in &outcome.lines {
        say(line)?;
    }
    if outcome.failed.is_empty() { Ok(()) } else { Err(Failure::InPart(format!("{} failed", outcome.failed.join(", ")))) }
}

async fn reclassify(options: Options, clock: Clock, dry_run: bool) -> anyhow::Result<()> {
    let (now, bar) = (clock.now(), Progress::start());
    let progress = |items: u64| bar.step(format!("{items} items judged anew"));
    let outcome = if dry_run {
        daemon::preview_reclassification(options, now, progress).await?
    } else {
        let engine = Engine::open(options)?;
        let _judging = engine.lock_judging()?;
        engine.reclassify(now, progress).await?
    };
    bar.finish();
    say(&outcome)
}

/// Refuses an owner whom the configuration does not name.
fn known(audience: &Audience, options: &Options) -> Result<(), Failure> {
    match audience {
        Audience::Owner(name) if !options.has_owner(name) => {
            Err(Failure::Usage(format!("the configuration has no owner `{name}`")))
        }
        _ => Ok(()),
    }
}

/// Refuses a day that lies ahead everywhere: days are UTC's, and east of Greenwich tomorrow is today.
fn come(as_of: Option<Day>, clock: Clock) -> Result<(), Failure> {
    match as_of {
        Some(day) if day > Day::of(clock.now()).plus(1) => {
            Err(Failure::Usage(format!("--as-of {day}: that day has not come yet")))
        }
        _ => Ok(()),
    }
}

fn write_result(output: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match output {
        Some(path) => crate::deliver::files::write_file_atomic(path, bytes).with_context(|| path.display().to_string()),
        None => taken(std::io::stdout().write_all(bytes)),
    }
}

/// One line of a result.
fn say(line: &dyn std::fmt::Display) -> anyhow::Result<()> {
    taken(writeln!(std::io::stdout(), "{line}"))
}

/// A reader that has seen enough (`| head`) closes the pipe, which is no failure.
fn taken(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

/// Columns of the terminal, 120 where there is none.
fn terminal_width() -> usize {
    comfy_table::Table::new().width().map_or(120, usize::from)
}
