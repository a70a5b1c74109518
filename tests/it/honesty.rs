//! What could not be looked at is said wherever somebody looks: in the digest, on the page, by `/readyz` and in the metrics,
//! with its reason and since when.

use std::fs;

use duskwatch::{
    report::{Audience, prometheus},
    simulator::{Fault, FaultKind, ServeOptions, When},
};

use crate::{
    mixtures::by_a_clock_that_jumps,
    support::{NOW, Site, at, days_before, small_world},
};

/// A fault at an endpoint, the source that it keeps from reading, and what every document says of it.
fn faults() -> [(Fault, &'static str, &'static str); 3] {
    let always = |kind, endpoint| Fault::new(kind, When::Every(1)).at(endpoint);
    [
        (always(FaultKind::Status(503), "events-stream"), "audit/acme", "503"),
        (always(FaultKind::Status(401), "api-tokens"), "tokens/acme", "organization.acme.api_key"),
        (always(FaultKind::HtmlBody, "permissions"), "access/acme", "permissions"),
    ]
}

/// Without line ends and markup.
fn words(text: &str) -> String {
    let mut inside = false;
    let plain = text.chars().map(|c| {
        inside = c == '<' || inside && c != '>';
        if inside || c == '>' { ' ' } else { c }
    });
    plain.collect::<String>().replace("&#x2f;", "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn whoever_looks_learns_what_is_missing_why_and_since_when() {
    by_a_clock_that_jumps(async {
        let (now, before) = (at(NOW), days_before(at(NOW), 1));
        let mut site = Site::new(&small_world(93, now, 8), ServeOptions::default()).await;
        site.grow(before);
        let engine = site.engine();
        site.poll(&engine, before).await;
        site.grow(now);
        site.server.disturb(faults().map(|(fault, ..)| fault).to_vec(), 0);
        fs::rename(site.logs(), site.path("elsewhere")).unwrap();
        let outcome = engine.poll(&[], None, now).await.unwrap();
        assert_eq!(outcome.failed, engine.source_names(), "{:#?}", outcome.lines);

        let judged = engine.judge(now).await.unwrap();
        let ready = engine.not_ready(now).await.join("\n");
        let documents = [words(&judged.text(&Audience::Security, 120)), words(&judged.html(&Audience::Security)), words(&ready)];
        let metrics = prometheus::exposition(&engine.figures(&judged.measured(), now).await.unwrap());
        let logs = engine.source_names().into_iter().filter(|name| name.starts_with("log/"));
        let missing = faults().map(|(_, source, why)| (source.to_owned(), why)).into_iter();
        for (source, why) in missing.chain(logs.map(|name| (name, "no file matches"))) {
            for document in &documents {
                let of = document.split(&source).skip(1).any(|rest| rest.chars().take(900).collect::<String>().contains(why));
                assert!(of, "{source} and {why} are not in {document}");
            }
            let since = format!("{source}: not read since {before}");
            assert!(ready.contains(&since), "{since} is not in {ready}");
            let last = format!("duskwatch_source_last_success_time_seconds{{source=\"{source}\"}} {}", before.as_second());
            assert!(metrics.contains(&last), "{last} is not in {metrics}");
            // Of a workspace whose other lists were read nothing is missed; a log is looked at whenever it comes back.
            let gap = format!("duskwatch_source_gap_seconds{{source=\"{source}\"}} 86");
            assert!(metrics.contains(&gap) || source.starts_with("access/"), "{gap} is not in {metrics}");
        }
    });
}
