//! `check`: what was found, a line each, and an exit status that says whether trying again can help.

use std::path::Path;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{CONFIGURATION, Failure, IN_PART, write_result};
use crate::{
    analysis::counted,
    clock::Clock,
    config::{self, Fault},
    daemon::{self, Extent, Finding, State},
    report::inert,
};

#[derive(Args)]
pub struct Arguments {
    /// Ask nobody: only the configuration, the secrets, the store and the directories.
    #[arg(long)]
    offline: bool,
    #[arg(long, default_value = "text")]
    format: Format,
    /// Send a test mail to every recipient, instead of only signing in to the mail server.
    #[arg(long, conflicts_with = "offline")]
    send_test_mail: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// One line. The keys of its JSON are for programs, and stay.
#[derive(Serialize)]
struct Row {
    status: &'static str,
    part: &'static str,
    name: String,
    found: String,
    advice: String,
    file: Option<String>,
    line: Option<usize>,
    #[serde(skip)]
    state: State,
}

#[derive(Serialize)]
struct Checked {
    status: &'static str,
    exit: u8,
    results: Vec<Row>,
}

pub async fn run(arguments: &Arguments, file: &Path, clock: Clock) -> Result<(), Failure> {
    let results = match config::load_to_watch(file) {
        Err(faults) => faults.into_iter().map(fault).collect(),
        Ok(options) => {
            let extent =
                if arguments.offline { Extent::Offline } else { Extent::Everything { test_mail: arguments.send_test_mail } };
            let findings = daemon::check(&options, extent, clock).await;
            std::iter::once(valid(file, &options)).chain(findings.into_iter().map(finding)).collect()
        }
    };
    let checked = Checked::of(results);
    let text = match arguments.format {
        Format::Text => checked.text(Table::new().width()),
        Format::Json => serde_json::to_string_pretty(&checked).map_err(anyhow::Error::from)? + "\n",
    };
    write_result(None, text.as_bytes())?;
    if checked.exit == 0 { Ok(()) } else { Err(Failure::Found(checked.exit)) }
}

fn fault(fault: Fault) -> Row {
    let Fault { file, line, key, words } = fault;
    Row {
        status: State::Wrong.as_str(),
        part: "configuration",
        name: inert::name(&key),
        found: inert::sentence(&words),
        advice: "mend the line, or what it names; config/default.toml shows every option".to_owned(),
        file: Some(file),
        line: (line > 0).then_some(line),
        state: State::Wrong,
    }
}

fn valid(file: &Path, options: &daemon::Options) -> Row {
    let sources = counted(options.source_names().len() as u64, "source", "sources");
    finding(Finding {
        state: State::Ok,
        part: "configuration",
        name: file.display().to_string(),
        found: format!("no fault; {sources} to read"),
        advice: String::new(),
    })
}

fn finding(finding: Finding) -> Row {
    let Finding { state, part, name, found, advice } = finding;
    Row { status: state.as_str(), part, name, found, advice, file: None, line: None, state }
}

impl Checked {
    fn of(results: Vec<Row>) -> Self {
        let worst = results.iter().map(|line| line.state).max().unwrap_or(State::Ok);
        let exit = match worst {
            State::Ok | State::Warning => 0,
            State::Unreachable => IN_PART,
            State::Wrong => CONFIGURATION,
        };
        Self { status: worst.as_str(), exit, results }
    }

    /// A table, what is wrong last, where somebody who ran this looks; then the sum. Without a terminal's width no line is
    /// broken.
    fn text(&self, width: Option<u16>) -> String {
        let mut lines: Vec<&Row> = self.results.iter().collect();
        lines.sort_by_key(|line| line.state);
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        for line in lines {
            let place = match (&line.file, line.line) {
                (Some(file), Some(number)) => format!("{file}:{number}: "),
                (Some(file), None) => format!("{file}: "),
                (None, _) => String::new(),
            };
            let advice = if line.advice.is_empty() { String::new() } else { format!("\n→ {}", line.advice) };
            table.add_row([line.status, line.part, &line.name, &format!("{place}{}{advice}", line.found)]);
        }
        let rows: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let count = |state| self.results.iter().filter(|line| line.state == state).count();
        let sum = [State::Ok, State::Warning, State::Unreachable, State::Wrong].map(|state| format!("{} {state}", count(state)));
        format!("{}\n\n{}\n", rows.join("\n"), sum.join(", "))
    }
}
