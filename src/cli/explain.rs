//! One integration or user, explained.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};

use super::{Failure, terminal_width, write_result};
use crate::{
    analysis::explain::Unknown,
    clock::Clock,
    config,
    daemon::{self, Options, Question},
    report::explain,
};

#[derive(Args)]
pub struct Arguments {
    /// An integration's id, or a user: account id, e-mail address, nickname or name.
    #[arg(value_name = "INTEGRATION|USER")]
    subject: String,
    #[arg(long, default_value = "text")]
    format: Format,
    /// Pieces of evidence, at most.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub async fn run(arguments: Arguments, options: Options, clock: Clock) -> Result<(), Failure> {
    let Arguments { subject, format, limit } = arguments;
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
        Format::Json => explain::json(&explained),
    };
    Ok(write_result(None, text.as_bytes())?)
}
