//! Where everything stands, on one screen; and whether the running service is healthy.

use std::path::Path;

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
    Ok(say(&words(&healthy))?)
}

/// How the service is, beside the faults of a configuration that it may have refused: it goes on with the one it has.
pub async fn say_service(config: &Path) {
    let Ok(page) = config::page(config) else { return };
    let words = daemon::health(page).await.map_or_else(|why| format!("no answer: {why}"), |healthy| words(&healthy));
    complain(&format_args!("the service: {words}"));
}

fn words(Healthy { ready, words }: &Healthy) -> String {
    let ready = match (ready, words.is_empty()) {
        (true, true) => "ready",
        (true, false) => "ready, but:",
        (false, _) => "not ready:",
    };
    let lines = words.iter().map(|line| format!("  {}", inert::sentence(line)));
    ["healthy", ready].map(str::to_owned).into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}
