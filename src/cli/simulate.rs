//! `simulate`: the simulated APIs and log files, without duskwatch looking at them; or one log as long as is wanted.

use std::{
    io::{BufWriter, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use jiff::{Timestamp, ToSpan as _};

use super::Failure;
use crate::{
    clock::Clock,
    evidence::time,
    simulator::{self, Fault, FaultKind, ServeOptions, Server, World},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Same seed, same organisation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// small, default or large; with --lines also huge, half a million people.
    #[arg(long, default_value = "default", value_parser = any_size)]
    size: simulator::Size,
    /// Where the simulated APIs listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9180")]
    listen: SocketAddr,
    /// Where the log files and a configuration for them are written.
    #[arg(long, value_name = "DIR", default_value = "duskwatch-simulation")]
    dir: PathBuf,
    /// A fault to play: NAME[=VALUE], then every=N, chance=P or burst=FROM+COUNT, and at=ENDPOINT, separated by commas.
    #[arg(long = "fault", value_name = "FAULT", value_parser = Fault::parse)]
    faults: Vec<Fault>,
    /// Same seed, same faults by chance.
    #[arg(long, value_name = "N", default_value_t = 0)]
    fault_seed: u64,
    /// List the faults and stop.
    #[arg(long = "faults")]
    list_faults: bool,
    /// Serve nothing: write so many JSON lines of the organisation's egress proxies to standard output.
    #[arg(long, value_name = "N", conflicts_with_all = ["listen", "dir", "faults", "fault_seed", "list_faults"])]
    lines: Option<u64>,
    /// The lines are spread over the last so many whole hours.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=24), requires = "lines")]
    hours: u8,
}

fn any_size(text: &str) -> Result<simulator::Size, String> {
    simulator::Size::parse(text).ok_or_else(|| "small, default, large or huge".to_owned())
}

/// Of an organisation whose every log can be simulated.
pub fn size(text: &str) -> Result<simulator::Size, String> {
    let served = |size: &simulator::Size| *size != simulator::Size::Huge;
    simulator::Size::parse(text).filter(served).ok_or_else(|| "small, default or large".to_owned())
}

/// How often the log files grow.
const STEP: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C. The simulated clock starts at `--now`, or now, and goes on in real time.
pub(super) async fn run(arguments: Arguments, clock: Clock) -> Result<(), Failure> {
    if arguments.list_faults {
        for (name, _, about) in FaultKind::all() {
            super::say(&format_args!("{name:26} {about}"))?;
        }
        return Ok(());
    }
    let started = clock.now();
    let options = simulator::Options::new(arguments.size, started);
    if let Some(lines) = arguments.lines {
        return Ok(super::taken(write(lines, arguments.hours, arguments.seed, &options))?);
    }
    size(arguments.size.as_str()).map_err(|sizes| Failure::Usage(format!("without --lines the size is {sizes}")))?;
    serve(arguments, &options).await.map_err(Failure::from)
}

async fn serve(arguments: Arguments, options: &simulator::Options) -> anyhow::Result<()> {
    let started = options.now;
    let world = Arc::new(World::generate(arguments.seed, options));
    let (listen, faults, fault_seed) = (arguments.listen, arguments.faults, arguments.fault_seed);
    // Whoever is tried with it goes by the real time, unless told otherwise.
    let serve_options = ServeOptions { shows_clock: false, listen, faults, fault_seed, ..ServeOptions::default() };
    let server = simulator::serve(Arc::clone(&world), serve_options).await?;
    let dir = super::demo::fresh_directory(&arguments.dir)?;
    let logs = dir.join("logs");
    let files = world.write_logs(&logs, beginning(options), started).with_context(|| logs.display().to_string())?;
    let mut written = started;
    let site = super::demo::Site::new(&dir, &world, &server, &files)?;
    super::say(&format_args!("the organisation `{}` is served on http://{}", world.organization().name, server.addr))?;
    super::say(&format_args!("look at it with: duskwatch --config {} poll", site.config.display()))?;
    let stop = super::signals::stop();
    let begun = tokio::time::Instant::now();
    let mut step = tokio::time::interval(STEP);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = step.tick() => {
                let now = started + begun.elapsed();
                grow(&world, &server, &logs, written, now)?;
                written = now;
            }
        }
    }
    server.shutdown().await.context("the simulated APIs")
}

/// Writes lines of the last whole hours.
fn write(lines: u64, hours: u8, seed: u64, options: &simulator::Options) -> std::io::Result<()> {
    let hour_ms = time::MS_PER_HOUR;
    let until_ms = options.now.as_millisecond().div_euclid(hour_ms) * hour_ms;
    let slice = (time::instant(until_ms - i64::from(hours) * hour_ms), time::instant(until_ms));
    let mut to = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    simulator::write_load(seed, options, slice, lines, &mut to)?;
    to.flush()
}

/// The first instant of the world's history.
pub fn beginning(options: &simulator::Options) -> Timestamp {
    let days = i64::from(options.history_days);
    options.now.checked_sub((days * 24).hours()).unwrap_or(Timestamp::MIN)
}

/// Lets the world go on to `now`: its logs grow, and its APIs show what has happened since.
fn grow(world: &World, server: &Server, logs: &std::path::Path, from: Timestamp, now: Timestamp) -> anyhow::Result<()> {
    world.write_logs(logs, from, now).with_context(|| logs.display().to_string())?;
    server.set_now(now);
    Ok(())
}
