//! What the fuzz targets share. Each target enters by a room's door, and goes on with what came in as the product does: a page
//! is judged, counted and packed, and what was packed has to come out again.

mod engine;
mod remote;
mod visitor;

use std::sync::LazyLock;

use duskwatch::{
    analysis::{Classifier, Rules, fold},
    evidence::{
        Campaign, ClientCatalogue, Page, chunk,
        format::{Form, Format, Piece, UserField, parse_block, split_block},
    },
};

pub use engine::{Engine, Since};
pub use remote::{Remote, response};
pub use visitor::Visited;

/// The present of every target: 2026-07-03T07:00:00Z.
pub const NOW_MS: i64 = 1_783_062_000_000;

thread_local! {
    static CLASSIFIER: Classifier = Classifier::new(
        Rules::builtin().expect("the built-in rules are sound"),
        ClientCatalogue::builtin().expect("the built-in catalogue is sound"),
        duskwatch::evidence::NamedNetworks::default(),
        Campaign::parse(Campaign::builtin("builtin:bitbucket-app-passwords").expect("it is there")).expect("it is sound"),
    );
}

/// Judges, counts and packs a page; a page cannot hold more than it was read from.
pub fn record(page: Page<'_>, read_bytes: usize) {
    assert!(page.sightings.len() <= read_bytes && page.skipped.len() <= read_bytes);
    CLASSIFIER.with(|classifier| {
        let sightings = page.sightings.len();
        let batch = fold("fuzz/any", page, None, classifier);
        if let Some(packed) = &batch.chunk {
            assert_eq!(chunk::decode(&packed.bytes).expect("what was packed is unpacked").len(), sightings);
        }
    });
}

/// Lines of a log in some format: the first byte chooses whose the user field is, and where a table's header ends.
pub fn log(format: Format, input: &[u8]) {
    static HOST: LazyLock<String> = LazyLock::new(|| "bitbucket.org".to_owned());
    let Some((choice, bytes)) = input.split_first() else { return };
    let user = if choice & 1 == 0 { UserField::Proxy } else { UserField::Bitbucket };
    let host = (choice & 2 == 0).then(|| HOST.clone());
    let form = Form { user, host, ..Form::new(format) };
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (header, rest) = match format {
        Format::Csv => bytes.split_at(end),
        Format::Transcript => (&bytes[..bytes.len().min(4_096)], bytes),
        _ => (&[][..], bytes),
    };
    let (whole, left) = split_block(rest);
    assert_eq!(whole.len() + left.len(), rest.len());
    let piece = Piece { bytes: rest, header, path: "/var/log/fuzz.log", changed_ms: NOW_MS };
    record(parse_block(piece, &form, NOW_MS), bytes.len());
}
