//! Where everything stands, on one screen; and whether the running service is healthy.

use clap::{Args, ValueEnum};

use super::{Failure, say, terminal_width, write_result};
use crate::{
    clock::Clock,
    daemon::{self, Options},
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
pub async fn health(options: Options) -> Result<(), Failure> {
    let healthy = daemon::health(options.http()).await.map_err(|why| Failure::Failed(anyhow::anyhow!("not healthy: {why}")))?;
    say(&"healthy")?;
    for line in &healthy.words {
        say(&format_args!("{}: {}", if healthy.ready { "ready, but" } else { "not ready" }, inert::sentence(line)))?;
    }
    Ok(())
}
