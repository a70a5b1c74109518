//! The memory of the process holds secrets: nobody gets a copy of it.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// No crash writes a core dump, neither into a file nor, on Linux, to a program; there, no other process of the same user may
/// look into this one's memory either.
pub(super) fn keep_memory() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
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
}
