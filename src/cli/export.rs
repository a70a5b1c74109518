//! `export`: the CSV package, or a file for another instance.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::{Failure, come, day, leave, say};
use crate::{
    clock::Clock,
    config::Secrets,
    daemon::{self, Options},
    evidence::Day,
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long, default_value = "csv")]
    format: Format,
    /// csv: as it stood at the end of this day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    as_of: Option<Day>,
    /// exchange: only what was counted from this day on; all of it when left out.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<Day>,
    /// csv: the directory for packages, [csv] directory when left out. exchange: the file, or a directory for it.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    /// For an instance that reports for several: day counts, signed.
    Exchange,
}

pub async fn run(arguments: Arguments, read: impl Fn(Secrets) -> Result<Options, Failure>, clock: Clock) -> Result<(), Failure> {
    let Arguments { format, as_of, from, output } = arguments;
    match format {
        Format::Csv if from.is_some() => Err(Failure::Usage("--from is for --format exchange".to_owned())),
        Format::Exchange if as_of.is_some() => Err(Failure::Usage("--as-of is for --format csv".to_owned())),
        Format::Csv => {
            come(as_of, clock)?;
            Ok(package(read(Secrets::Unneeded)?, clock, as_of, output).await?)
        }
        Format::Exchange => {
            let output = output.ok_or_else(|| Failure::Usage("say --output FILE or DIR".to_owned()))?;
            Ok(say(&daemon::hand_over(read(Secrets::ToSign)?, from, &output, clock.now()).await?)?)
        }
    }
}

async fn package(options: Options, clock: Clock, as_of: Option<Day>, output: Option<PathBuf>) -> anyhow::Result<()> {
    let (directory, keep_days) = options.package();
    let directory = output.or(directory).context("[csv] directory is \"\": say --output DIR")?;
    let seen = daemon::look(options, as_of, clock.now()).await?;
    let written = seen.write_package(&directory, keep_days)?;
    leave(seen);
    say(&written.display())
}
