//! Rules, client catalogues and campaigns of one's own.
#![cfg_attr(not(test), no_main)]

use duskwatch::{
    analysis::Rules,
    evidence::{Campaign, ClientCatalogue},
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    match choice % 3 {
        0 => drop(Rules::with_additions("rules.toml", text)),
        1 => drop(ClientCatalogue::with_additions(text)),
        _ => drop(Campaign::parse(text)),
    }
});
