//! A collector of OpenTelemetry that refuses, hangs up, dawdles and drops, and what it is told meanwhile: each change of status
//! once, figures that never fall, and no secret.

use std::collections::BTreeMap;

use duskwatch::store::{Reader, Settled, Store};
use fastrand::Rng;
use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    metrics::v1::{metric, number_data_point},
};
use prost::Message as _;

use crate::{
    mixtures::{trouble::pick, truth::Truth},
    support::{
        Site,
        collector::{Collector, Manner, Post},
    },
};

/// What exports are signed in with.
pub const KEY: &str = "c3Vq8ZtNf1KdY6wu";

const MANNERS: [Manner; 8] = [
    Manner::Refuses("503 Service Unavailable"),
    Manner::Rests(40_000),
    Manner::Refuses("429 Too Many Requests"),
    Manner::Refuses("400 Bad Request"),
    Manner::Refuses("401 Unauthorized"),
    Manner::HangsUp,
    Manner::Dawdles,
    Manner::DropsOne,
];

/// The columns by which changes are told apart, where they happened at one instant.
const COLUMNS: [&str; 6] = ["date", "campaign", "integration", "from", "to", "cause"];

pub struct Watch {
    pub collector: Collector,
    /// For how many steps it stays in its mood.
    moody: u32,
    /// Nothing goes wrong any more.
    calm: bool,
    /// Changes that were told, each with its instant, and whether that was acknowledged.
    told: BTreeMap<(u64, String), bool>,
    /// Where each series began to count, and how far it was.
    totals: BTreeMap<String, (u64, f64)>,
    pub exports: u64,
    pub repeated: u64,
    /// How often it was in which mood when somebody came.
    pub moods: BTreeMap<&'static str, u64>,
}

impl Watch {
    pub async fn start() -> Self {
        Self {
            collector: Collector::start().await,
            moody: 0,
            calm: false,
            told: BTreeMap::new(),
            totals: BTreeMap::new(),
            exports: 0,
            repeated: 0,
            moods: BTreeMap::new(),
        }
    }

    /// The section that exports to it; the key stands in a file.
    pub fn section(&self, key: &str) -> String {
        let url = &self.collector.url;
        format!("[otel]\nendpoint = \"{url}\"\ninterval = \"2h\"\ntop = 5\nheaders = {{ x-key = \"file:{key}\" }}\n")
    }

    /// Falls into a mood, stays in it, or comes out of it.
    pub fn disturb(&mut self, rng: &mut Rng) {
        if self.moody > 0 {
            self.moody -= 1;
        } else if rng.usize(..6) == 0 {
            self.moody = rng.u32(0..8);
            self.collector.behave(pick(rng, &MANNERS));
        } else {
            self.collector.behave(Manner::Takes);
        }
    }

    pub fn is_well(&mut self) {
        (self.moody, self.calm) = (0, true);
        self.collector.behave(Manner::Takes);
    }

    /// After how many requests whoever sends changes is killed.
    pub fn last_request(&self, rng: &mut Rng) -> u64 {
        if self.calm || rng.usize(..20) > 0 { u64::MAX } else { self.collector.requests() + rng.u64(1..4) }
    }

    /// How many changes have come.
    pub fn told(&self) -> u64 {
        self.told.len() as u64
    }

    /// Looks at what has come. `killed` says that whoever sent it may not have heard the answers.
    pub fn look(&mut self, truth: &Truth, killed: bool) {
        for post in self.collector.take() {
            truth.assert_tells_no_secret(&post.path, &post.body);
            assert!(post.head.contains(&format!("x-key: {KEY}")), "{}", post.head);
            *self.moods.entry(word(post.manner)).or_default() += 1;
            match (post.manner, post.path.as_str()) {
                (Manner::Refuses(_) | Manner::Rests(_), _) => {}
                (_, "/v1/logs") => self.hear_changes(&post, killed),
                (_, "/v1/metrics") => self.hear_figures(&post),
                (_, other) => panic!("{other}"),
            }
        }
    }

    fn hear_changes(&mut self, post: &Post, killed: bool) {
        // One that was dropped is as good as told: its sender knows, and is not to bring the others again.
        let acknowledged = !killed && matches!(post.manner, Manner::Takes | Manner::DropsOne);
        for record in post.records() {
            assert_eq!(record.event_name, "duskwatch.integration.changed");
            let change = (record.time_unix_nano, columns(&record.attributes));
            if let Some(before) = self.told.get(&change) {
                assert!(!before, "{change:?} comes twice");
                self.repeated += 1;
            }
            self.told.insert(change, acknowledged);
        }
    }

    /// A counter goes on where the process before this one has left it.
    fn hear_figures(&mut self, post: &Post) {
        self.exports += 1;
        let request = ExportMetricsServiceRequest::decode(&post.body[..]).unwrap();
        let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let Some(metric::Data::Sum(sum)) = &metric.data else { continue };
            for point in &sum.data_points {
                let value = match point.value.unwrap() {
                    #[expect(clippy::cast_precision_loss, reason = "counts are far below")]
                    number_data_point::Value::AsInt(value) => value as f64,
                    number_data_point::Value::AsDouble(value) => value,
                };
                let series = format!("{} {}", metric.name, said(&point.attributes));
                let counted = (point.start_time_unix_nano, value);
                if let Some(before) = self.totals.insert(series.clone(), counted) {
                    assert!(before.0 == counted.0 && before.1 <= counted.1, "{series} was {before:?} and is {counted:?}");
                }
            }
        }
    }

    /// Every change that was recorded was told once, or its message is among those that were given up.
    pub async fn assert_told(&self, site: &Site) {
        let read = |r: &Reader| {
            let given_up = r.given_up(Timestamp::UNIX_EPOCH, Timestamp::MAX, u32::MAX)?;
            Ok((r.changes()?, given_up, r.outbox_summary()?))
        };
        let (changes, given_up, outbox) = Store::open_read_only(&site.store()).unwrap().read(read).await.unwrap();
        let mut open = BTreeMap::<String, i64>::new();
        for change in &changes {
            let status = |status: Option<_>| status.map(|status: duskwatch::evidence::Status| status.to_string());
            let [from, to] = [change.from, change.to].map(|it| status(it).unwrap_or_default());
            let day = change.day.to_string();
            let of = [&day, &change.campaign, &change.integration, &from, &to, &change.cause.to_string()];
            *open.entry(of.map(String::as_str).join(" ")).or_default() += 1;
        }
        for (_, change) in self.told.keys() {
            *open.entry(change.clone()).or_default() -= 1;
        }
        let surplus: Vec<_> = open.iter().filter(|(_, times)| **times < 0).collect();
        assert!(surplus.is_empty(), "told, and not so: {surplus:?}");
        let lost: Vec<_> = given_up.iter().filter(|message| message.channel == "otlp").collect();
        let in_them: i64 = lost.iter().map(|it| it.subject.split(' ').next().unwrap().parse::<i64>().unwrap()).sum();
        let missing: i64 = open.values().sum();
        assert!(missing <= in_them, "{missing} were not told, and {in_them} are in what was given up: {lost:?}");
        let settled = outbox.settled.iter().find(|channel| channel.channel == "otlp");
        let undeliverable = settled.map_or(0, |Settled { undeliverable, .. }| *undeliverable);
        assert_eq!(undeliverable, lost.len() as u64);
    }
}

fn word(manner: Manner) -> &'static str {
    match manner {
        Manner::Takes => "takes",
        Manner::Refuses(status) => status,
        Manner::Rests(_) => "rests",
        Manner::HangsUp => "hangs up",
        Manner::Dawdles => "dawdles",
        Manner::DropsOne => "drops one",
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn columns(attributes: &[KeyValue]) -> String {
    let of = |column: &str| attributes.iter().find(|it| it.key == column).map(|it| text(it.value.as_ref()));
    COLUMNS.map(|column| of(column).unwrap_or_default()).join(" ")
}

fn said(attributes: &[KeyValue]) -> String {
    attributes.iter().map(|it| format!("{}={}", it.key, text(it.value.as_ref()))).collect::<Vec<_>>().join(" ")
}
