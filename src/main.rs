//! Parse, start the log, dispatch, turn the result into an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    duskwatch::cli::main()
}
