//! What a long command is at.

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner on a terminal, nothing elsewhere.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self(bar)
    }

    pub fn step(&self, words: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(words);
    }

    pub fn note(&self, line: &str) {
        self.0.println(format!("  {line}"));
    }

    /// Lets results be printed to standard output where the spinner stands.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
