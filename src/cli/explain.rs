//! One integration or user, explained.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};

use super::{Failure, terminal_width, write_result};
use crate::{
    analysis::explain::Unknown,
    clock::Clock,
    config,
    daemon::{self, Options, Question},
    report::{explain, json},
};

#[derive(Args)]
pub struct Arguments {
    /// An integration's id, or a user: account id, e-mail address, nickname or name.
    #[arg(value_name = "INTEGRATION|USER")]
    subject: String,
    #[arg(long, default_value = "text")]
    format: Format,
    /// Pieces of evidence, at most: 200 on a terminal, else 100000, unless it is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    limit: Option<u32>,
}

/// What a terminal shows of a busy integration.
const ON_A_TERMINAL: u32 = 200;
const MOST: u32 = 100_000;

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub async fn run(arguments: Arguments, options: Options, clock: Clock) -> Result<(), Failure> {
    let Arguments { subject, format, limit } = arguments;
    let limit = limit.unwrap_or(if std::io::stdout().is_terminal() { ON_A_TERMINAL } else { MOST });
    let question = Question { subject: subject.clone(), limit: usize::try_from(limit).unwrap_or(usize::MAX) };
    let explained = daemon::explain(options, clock.now(), question).await?.map_err(|unknown| {
        let near = match &unknown {
            Unknown::Nobody(names) => config::nearest(&subject, names.iter().map(String::as_str)),
            Unknown::Several(_) => None,
        };
        Failure::Usage(explain::unknown(&subject, &unknown, near))
    })?;
    let text = match format {
        Format::Text => {
            let bold = std::io::stdout().is_terminal() && !config::no_color();
            explain::text(&explained, terminal_width(), bold)
        }
        Format::Json => json::text(&explained),
    };
    Ok(write_result(None, text.as_bytes())?)
}
