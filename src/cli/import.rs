//! `import`: evidence or registers from files.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, progress::Progress, say};
use crate::{
    clock::Clock,
    daemon::{Engine, Imported, Options, RegisterKind},
    evidence::format::Format,
    source::shown,
};

#[derive(Args)]
pub struct Arguments {
    /// json, csv, combined, squid or transcript; register (credentials that no API lists) or directory (people and
    /// their teams); exchange (what another instance counted).
    #[arg(long, value_parser = imported)]
    format: ImportFormat,
    /// Use the settings of this [[log]] section, and its name: the source is import/NAME. Not for registers.
    #[arg(long)]
    name: Option<String>,
    /// Files; - is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy)]
pub enum ImportFormat {
    Evidence(Format),
    Register(RegisterKind),
    Exchange,
}

fn imported(text: &str) -> Result<ImportFormat, String> {
    let evidence = Format::parse(text).map(ImportFormat::Evidence);
    if text == "exchange" {
        return Ok(ImportFormat::Exchange);
    }
    let known = || evidence.or_else(|| RegisterKind::parse(text).map(ImportFormat::Register));
    known().ok_or_else(|| {
        let formats: Vec<_> = Format::ALL.iter().map(|format| format.as_str()).collect();
        format!("{}, register, directory, exchange", formats.join(", "))
    })
}

pub async fn run(arguments: Arguments, options: Options, clock: Clock) -> Result<(), Failure> {
    let Arguments { format, name, paths } = arguments;
    let name = name.as_deref();
    if let (ImportFormat::Register(_) | ImportFormat::Exchange, Some(name)) = (format, name) {
        return Err(Failure::Usage(format!("such a file has no settings: leave --name {name} out")));
    }
    if let Some(name) = name.filter(|name| !options.log_names().any(|known| known == *name)) {
        return Err(Failure::Usage(format!("the configuration has no [[log]] section named `{name}`")));
    }
    let mut names = HashSet::new();
    let twice = paths.iter().map(|path| path.file_name().unwrap_or(path.as_os_str())).find(|name| !names.insert(*name));
    if let (ImportFormat::Register(_), Some(name)) = (format, twice) {
        let name = shown(Path::new(name));
        return Err(Failure::Usage(format!("a register is known by its file's name, and two are named `{name}`: rename one")));
    }
    let engine = Engine::open(options)?;
    let _judging = engine.lock_judging().map_err(anyhow::Error::from)?;
    let now = clock.now();
    engine.begin("import", now).await.map_err(anyhow::Error::from)?;
    let mut failed = Vec::new();
    let bar = Progress::start();
    for path in &paths {
        let shown = shown(path);
        let progress = |imported: &Imported| bar.step(format!("{shown}: {} read", imported.read));
        let imported = match format {
            ImportFormat::Evidence(format) => engine.import(format, name, path, now, progress).await,
            ImportFormat::Exchange => engine.import_exchange(path, now, progress).await,
            ImportFormat::Register(kind) => engine.import_register(kind, path, now).await,
        };
        match imported {
            Ok(imported) => {
                bar.suspend(|| say(&format_args!("{shown}: {imported}")))?;
                if imported.understood_nothing() {
                    failed.push(format!("{shown}: no line was understood; is it of another format?"));
                }
            }
            Err(error) => failed.push(format!("{shown}: {error:#}")),
        }
    }
    bar.finish();
    engine.judge(now).await?;
    match failed.len() {
        0 => Ok(()),
        all if all == paths.len() => Err(Failure::Failed(anyhow::anyhow!(failed.join("; ")))),
        _ => Err(Failure::InPart(failed.join("; "))),
    }
}
