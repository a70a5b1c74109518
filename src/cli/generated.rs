//! What is generated from the commands themselves: completions for shells, and manual pages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, write_result};

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

/// Manual pages, for packages.
#[derive(Args)]
pub struct Manual {
    /// Where the pages are written: duskwatch.1, and one for each command.
    directory: PathBuf,
}

pub fn completions(arguments: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "duskwatch", &mut script);
    write_result(None, &script)
}

pub fn manual(arguments: &Manual) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let mut command = Cli::command();
    command.build();
    write_page(&command, "duskwatch", directory)
}

/// The page of a command, and those of its own commands.
fn write_page(command: &Command, name: &str, directory: &Path) -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name).render(&mut page)?;
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, page).with_context(|| path.display().to_string())?;
    let shown = command.get_subcommands().filter(|own| !own.is_hide_set() && own.get_name() != "help");
    shown.into_iter().try_for_each(|own| write_page(own, &format!("{name}-{}", own.get_name()), directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_a_round_names_every_kind_of_source_and_what_is_read_from_a_day_on() {
        let mut command = Cli::command();
        let help = command.find_subcommand_mut("poll").expect("it is a command").render_long_help().to_string();
        for kind in ["audit", "tokens", "access", "log", "query"] {
            assert!(help.contains(&format!("{kind}/NAME")), "{kind}: {help}");
        }
        let since = help.split_once("--since").expect("it is an option").1;
        assert!(since.contains("audit log") && since.contains("queries"), "{since}");
    }
}
