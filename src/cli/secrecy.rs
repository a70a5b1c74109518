//! What the process holds is secret: nobody gets a copy of its memory, and no panic quotes from it.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    io,
    panic::{self, Location},
};

use rustix::process::{Resource, Rlimit, setrlimit};

/// No crash writes a core dump, neither into a file nor, on Linux, to a program; there, no other process of the same user may
/// look into this one's memory either.
pub(super) fn keep_memory() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// From now on a panic says where the program is wrong, in the log once there is one, and nothing of what it was looking at.
pub(super) fn keep_quiet_in_panics() {
    panic::set_hook(Box::new(|info| {
        let words = panic_words(info.payload(), info.location());
        if tracing::dispatcher::has_been_set() {
            tracing::error!("{words}");
        } else {
            super::complain(&format_args!("duskwatch: {words}"));
        }
        // Only on request (RUST_BACKTRACE); it names functions and holds no values.
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            super::complain(&trace);
        }
    }));
}

/// A literal message is the program's own. One that was put together may quote what was read: what was expected to be sound
/// is shown when it is not.
fn panic_words(payload: &dyn Any, place: Option<&Location<'_>>) -> String {
    let place = place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    match payload.downcast_ref::<&'static str>() {
        Some(words) => format!("panicked at {place}: {words}"),
        None => format!("panicked at {place}; what it says may quote what was read, and is left out"),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn no_core_is_written() {
        keep_memory().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_panic_says_where_and_quotes_nothing_that_was_read() {
        let line = "authorization: Bearer s3cret".parse::<u64>().map_err(|_| "authorization: Bearer s3cret");
        let quoting = panic::catch_unwind(|| line.expect("a sound line")).unwrap_err();
        assert!(quoting.downcast_ref::<String>().unwrap().contains("s3cret"), "without the hook it would be shown");
        let said = panic_words(&*quoting, Some(Location::caller()));
        assert!(said.starts_with("panicked at src/cli/secrecy.rs:") && !said.contains("s3cret"), "{said}");
        let own = panic::catch_unwind(|| panic!("a sound store")).unwrap_err();
        assert!(panic_words(&*own, None).ends_with("at an unknown place: a sound store"));
    }
}
