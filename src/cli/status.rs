//! Where everything stands, on one screen; and whether the running service is healthy.

use std::{iter, path::Path};

use clap::{Args, ValueEnum};

use super::{Failure, complain, say, terminal_width, write_result};
use crate::{
    clock::Clock,
    config,
    daemon::{self, Healthy, Options, options::Page},
    report::{inert, json, status},
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub async fn run(arguments: Arguments, options: Options, clock: Clock) -> Result<(), Failure> {
    let status = daemon::status(options, clock.now()).await?;
    let text = match arguments.format {
        Format::Text => status::text(&status, terminal_width()),
        Format::Json => json::text(&status),
    };
    Ok(write_result(None, text.as_bytes())?)
}

/// Healthy is a process that turns: a source that is down is no reason to end it, so that is only said.
pub async fn health(page: Page) -> Result<(), Failure> {
    let healthy = daemon::health(page).await.map_err(|why| Failure::Failed(anyhow::anyhow!("not healthy: {why}")))?;
    say(&"healthy")?;
    Ok(say(&readiness(&healthy))?)
}

/// How the service is, behind the faults of a configuration that it does not have: it goes on with the one it has.
pub async fn say_service(config: &Path) {
    let Ok(page) = config::page(config) else { return };
    let words = match daemon::health(page).await {
        Ok(healthy) => format!("it goes on with the configuration it has, and is {}", readiness(&healthy)),
        Err(why) => why,
    };
    complain(&format_args!("the running service: {words}"));
}

fn readiness(Healthy { ready, words }: &Healthy) -> String {
    let ready = match (ready, words.is_empty()) {
        (true, true) => "ready",
        (true, false) => "ready, but:",
        (false, true) => "not ready",
        (false, false) => "not ready:",
    };
    let lines = words.iter().map(|line| format!("  {}", inert::sentence(line)));
    iter::once(ready.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}
