//! A configuration file. Faults say where they are.
#![cfg_attr(not(test), no_main)]

use duskwatch::config::{Secrets, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(faults) = parse("duskwatch.toml", text, Secrets::Unneeded) {
        assert!(!faults.is_empty());
        assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
    }
});
