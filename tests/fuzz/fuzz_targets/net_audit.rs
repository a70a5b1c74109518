//! Pages of the audit stream, and its catalogue of actions.
#![cfg_attr(not(test), no_main)]

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use duskwatch::source::{Actions, Audit, Position, Walk};
use duskwatch_fuzz::{NOW_MS, Remote, record, response};
use jiff::Timestamp;

static REMOTE: LazyLock<Remote> = LazyLock::new(Remote::default);

static ACTIONS: LazyLock<Actions> = LazyLock::new(|| {
    let catalogue = include_bytes!("../../data/audit/event-actions/catalogue.json");
    REMOTE.ask(response(catalogue), async |client| Audit::new(client, "ORG").actions().await).expect("the catalogue is read")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    let actions = &*ACTIONS;
    REMOTE.ask(response(body), async |client| {
        let mut audit = Audit::new(client, "ORG");
        if choice & 1 == 1 {
            if let Ok(actions) = audit.actions().await {
                actions.counts();
            }
            return;
        }
        let Ok(page) = audit.page(&Position::From(0)).await else { return };
        let now = Timestamp::from_millisecond(NOW_MS).expect("an instant");
        Walk::steady(&BTreeMap::new(), now, None, Duration::from_secs(3_600)).after(&page);
        record(page.parse(actions), body.len());
    });
});
