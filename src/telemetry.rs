//! The service's own log: to standard error, readable on a terminal, filtered by `RUST_LOG`.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging. Call once, first thing in main.
pub fn start(default: LevelFilter) {
    // Libraries speak of their own affairs; only their warnings matter to an operator.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("warn,duskwatch={default}")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && !crate::config::no_color())
        .with_target(false)
        .init();
}
