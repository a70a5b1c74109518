//! The service's own log: to standard error, readable on a terminal, filtered by `RUST_LOG`.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging. Call once, first thing in main.
pub fn start(default: LevelFilter) {
    let filter = EnvFilter::builder().with_default_directive(default.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && !crate::config::no_color())
        .with_target(false)
        .init();
}
