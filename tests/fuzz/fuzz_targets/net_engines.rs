//! Answers of engines that keep logs themselves: settings and rows of ClickHouse, its whole answers, and PostgreSQL's messages from
//! the first byte or from the rows on.
#![cfg_attr(not(test), no_main)]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use duskwatch::{
    analysis::{
        Rules,
        question::{Engine as Language, Question, Table, TimeUnit},
    },
    evidence::{Campaign, ClientCatalogue, NamedNetworks},
    source::{Asking, LogEngine},
};
use duskwatch_fuzz::{Engine, NOW_MS, Remote, Since, response};

static REMOTE: LazyLock<Remote> = LazyLock::new(Remote::default);
static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

const SLICE: (i64, i64) = (NOW_MS - 3_600_000, NOW_MS);

static QUESTION: LazyLock<Question> = LazyLock::new(|| {
    let rules = Arc::new(Rules::builtin().expect("the built-in rules are sound"));
    let clients = ClientCatalogue::builtin().expect("the built-in catalogue is sound");
    let campaign = Campaign::builtin("builtin:bitbucket-app-passwords").expect("it is there");
    let table = Table {
        engine: Language::ClickHouse,
        name: vec!["logs".to_owned()],
        columns: BTreeMap::from([("time", "ts".to_owned())]),
        unit: TimeUnit::Milliseconds,
        host: "bitbucket.org".to_owned(),
    };
    let campaign = Campaign::parse(campaign).expect("it is sound");
    Question::new(table, &rules, &clients, &NamedNetworks::default(), &campaign).expect("it can be asked")
});

/// Asks, and reads the rows as a round does.
async fn ask(engine: LogEngine) {
    let Ok(session) = engine.session().await else { return };
    let asking = Asking { id: "fuzz", label: "duskwatch fuzz", limit: Duration::from_secs(5) };
    let Ok(mut rows) = session.ask("SELECT 1".to_owned(), asking).await else { return };
    let mut answer = QUESTION.answer(SLICE);
    while let Ok(Some(more)) = rows.next().await {
        if more.iter().any(|row| answer.read(row).is_err()) {
            return;
        }
    }
    answer.unknown();
    let batch = answer.take("query/fuzz");
    for count in &batch.counts {
        assert!(SLICE.0 <= count.first_ms && count.first_ms < SLICE.1 && count.first_ms <= count.last_ms);
        assert!(usize::try_from(count.track).is_ok_and(|track| track < batch.tracks.len()));
        assert!(usize::from(count.verdict.rule) < batch.rules.len());
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, said)) = bytes.split_first() else { return };
    match choice % 4 {
        0 => REMOTE.ask(response(said), async |client| ask(LogEngine::clickhouse(client)).await),
        1 => REMOTE.ask_anew([b"HTTP/1.1 ", said].concat(), async |client| ask(LogEngine::clickhouse(client)).await),
        2 => ENGINE.ask(Since::Beginning, said, ask),
        _ => ENGINE.ask(Since::Question, said, ask),
    }
});
