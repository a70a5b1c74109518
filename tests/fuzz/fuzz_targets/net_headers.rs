//! Whole answers, with status, rate-limit headers and body, as they come from the wire.
#![cfg_attr(not(test), no_main)]

use std::sync::LazyLock;

use duskwatch::source::Tokens;
use duskwatch_fuzz::Remote;

static REMOTE: LazyLock<Remote> = LazyLock::new(Remote::default);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let answer = [b"HTTP/1.1 ", bytes].concat();
    REMOTE.ask_anew(answer, async |client| drop(Tokens::new(client, "acme", "ORG").list().await));
});
