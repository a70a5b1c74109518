//! `simulate`: the simulated APIs and log files, without duskwatch looking at them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::{Timestamp, ToSpan as _};

use crate::{
    clock::Clock,
    simulator::{self, Fault, FaultKind, ServeOptions, Server, World},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Same seed, same organisation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// small, default or large.
    #[arg(long, default_value = "default", value_parser = size)]
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
}

pub fn size(text: &str) -> Result<simulator::Size, String> {
    simulator::Size::parse(text).ok_or_else(|| "small, default or large".to_owned())
}

/// How often the log files grow.
const STEP: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C. The simulated clock starts at `--now`, or now, and goes on in real time.
pub async fn run(arguments: Arguments, clock: Clock) -> anyhow::Result<()> {
    if arguments.list_faults {
        for (name, _, about) in FaultKind::all() {
            super::say(&format_args!("{name:26} {about}"))?;
        }
        return Ok(());
    }
    let started = clock.now();
    let options = simulator::Options::new(arguments.size, started);
    let world = Arc::new(World::generate(arguments.seed, &options));
    let (listen, faults, fault_seed) = (arguments.listen, arguments.faults, arguments.fault_seed);
    let serve_options = ServeOptions { listen, faults, fault_seed, ..ServeOptions::default() };
    let server = simulator::serve(Arc::clone(&world), serve_options).await?;
    let dir = super::demo::fresh_directory(&arguments.dir)?;
    let logs = dir.join("logs");
    let files = world.write_logs(&logs, beginning(&options), started).with_context(|| logs.display().to_string())?;
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
