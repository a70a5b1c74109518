//! What lies in the store compressed, as a damaged disk may give it back; and the tables that are imported.
#![cfg_attr(not(test), no_main)]

use duskwatch::evidence::{chunk, counts::Segment, format::register};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    if choice & 2 == 2 {
        // Each count takes bytes of its own.
        assert!(Segment::read(rest).count() <= rest.len());
    } else if choice & 1 == 0 {
        drop(chunk::decode(rest));
    } else if let Ok(text) = str::from_utf8(rest) {
        drop(register::credentials(text));
        drop(register::directory(text));
    }
});
