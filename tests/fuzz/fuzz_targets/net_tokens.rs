//! Pages of the inventory of API tokens.
#![cfg_attr(not(test), no_main)]

use std::sync::LazyLock;

use duskwatch::source::Tokens;
use duskwatch_fuzz::{Remote, response};

static REMOTE: LazyLock<Remote> = LazyLock::new(Remote::default);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let list = REMOTE.ask(response(bytes), async |client| Tokens::new(client, "acme", "ORG").list().await);
    // The same page comes until the walk notices.
    assert!(list.is_err() || list.is_ok_and(|list| list.tokens.len() <= bytes.len() * 2));
});
