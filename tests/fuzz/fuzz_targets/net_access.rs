//! Pages of Bitbucket's lists.
#![cfg_attr(not(test), no_main)]

use std::sync::LazyLock;

use duskwatch::source::Access;
use duskwatch_fuzz::{Remote, response};

static REMOTE: LazyLock<Remote> = LazyLock::new(Remote::default);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    REMOTE.ask(response(body), async |client| {
        let access = Access::new(client, "acme");
        match choice % 6 {
            0 => drop(access.members().await),
            1 => drop(access.permissions().await),
            2 => drop(access.repositories().await),
            3 => drop(access.repository_permissions().await),
            4 => drop(access.permissions_on("web").await),
            _ => drop(access.deploy_keys("web").await),
        }
    });
});
