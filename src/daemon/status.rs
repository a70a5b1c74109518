//! `status`: the report's headline and coverage, what left, and the store, from the store alone.

use jiff::Timestamp;

use super::{
    Delivery, Options, Space,
    engine::CLOCK,
    health::{Healthy, health},
    judge::{self, GIVEN_UP_BEFORE},
};
use crate::{
    report::status::{self, DeliveryRow, Facts, GivenUpRow, OutboxRow, Status, StoreRow, WaitingRow},
    store::{GivenUp, Reader, Store, StoreError, Waiting},
};

/// Recipients that are told one by one: those for whom something waits, and those whom something never reached.
const MAX_WAITING: u32 = 50;
const MAX_GIVEN_UP: u32 = 50;

/// Looks at everything; nothing is recorded, and no source is asked.
pub async fn status(options: Options, now: Timestamp) -> anyhow::Result<Status> {
    let store = Store::open_read_only(&options.store)?;
    let space = Space::of(&store, &options, now).await?;
    let wanted = options.deliveries();
    let (deliveries, outbox) = store.read(move |r| Ok((deliveries(r, &wanted)?, outbox(r, now)?))).await?;
    let service = match health(options.http.page()).await {
        Ok(healthy) => service(&healthy, &options),
        Err(why) => format!("no answer: {why}"),
    };
    let store = StoreRow {
        path: options.store.display().to_string(),
        bytes: space.used_bytes,
        bytes_a_day: space.bytes_a_day,
        free_bytes: space.free_bytes,
        days_left: space.days_left(),
        words: space.to_string(),
    };
    let judged = judge::look(options, None, now).await?;
    Ok(status::build(judged.report(), Facts { store, service, deliveries, outbox }))
}

/// What the running service says of itself that does not stand in the store: what keeps that from being written, and which of its
/// parts fail. How the sources fare, and their clocks, stands with each of them.
fn service(healthy: &Healthy, options: &Options) -> String {
    let sources = options.source_names().into_iter().chain(options.exchanged_names()).collect::<Vec<_>>();
    let of_source = |line: &&String| line.starts_with(CLOCK) || sources.iter().any(|name| line.starts_with(&format!("{name}: ")));
    let mut parts = healthy.words.iter().filter(|line| !of_source(line));
    match (healthy.ready, healthy.words.first()) {
        (false, Some(first)) => {
            let more = parts.find(|part| *part != first).map(|part| format!("; and {part}")).unwrap_or_default();
            format!("running, and not ready: {first}{more}")
        }
        (false, None) => "running, and not ready".to_owned(),
        (true, _) => parts.next().map_or("running, and ready".to_owned(), |part| format!("running, and ready; but {part}")),
    }
}

fn deliveries(r: &Reader, wanted: &[Delivery]) -> Result<Vec<DeliveryRow>, StoreError> {
    let row = |delivery: &Delivery| {
        Ok(DeliveryRow { delivery: delivery.to_string(), last: r.last_sent(delivery.channel(), &delivery.record())? })
    };
    wanted.iter().map(row).collect()
}

fn outbox(r: &Reader, now: Timestamp) -> Result<OutboxRow, StoreError> {
    let summary = r.outbox_summary()?;
    let undeliverable = summary.settled.iter().map(|channel| channel.undeliverable).sum();
    let row = |Waiting { channel, recipient, messages, failure }| WaitingRow { channel, recipient, messages, failure };
    let waiting = r.waiting(MAX_WAITING)?.into_iter().map(row).collect();
    let row =
        |GivenUp { channel, recipient, occurrence: due, at, failure, .. }| GivenUpRow { channel, recipient, due, at, failure };
    let since = now.saturating_sub(GIVEN_UP_BEFORE).unwrap_or(now);
    let given_up = r.given_up(since, now, MAX_GIVEN_UP)?.into_iter().map(row).collect();
    Ok(OutboxRow { pending: summary.pending, oldest: summary.oldest, waiting, undeliverable, given_up })
}
