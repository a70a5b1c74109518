#![cfg_attr(not(test), no_main)]

use duskwatch::evidence::format::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| duskwatch_fuzz::log(Format::Json, bytes));
