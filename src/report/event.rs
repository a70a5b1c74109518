//! What leaves one by one as JSON: changes of status and alarms, for chat rooms, tickets and whatever else listens.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    alarm::AlarmNews,
    document::{ChangeRow, IntegrationRow, Report},
    inert,
};

/// One message to every webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same for the same thing, whoever is told of it and however often.
    pub id: String,
    /// `integration.changed`, `alarm.begun`, `alarm.over`.
    pub kind: &'static str,
    /// What it is about.
    pub about: String,
    /// One JSON object.
    pub body: String,
}

#[derive(Serialize)]
struct Body<D> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: D,
}

/// The columns of `changes.csv`, and the row of the integration as the JSON report has it; null once it is no more.
#[derive(Serialize)]
struct Changed<'r> {
    #[serde(flatten)]
    change: &'r ChangeRow,
    row: Option<&'r IntegrationRow>,
}

#[derive(Serialize)]
struct Alarmed {
    alarm: &'static str,
    about: String,
    since: Timestamp,
    until: Option<Timestamp>,
    title: String,
    reason: String,
    todo: &'static str,
}

/// One event for each change that was found with this judgement, of the campaigns that were judged before: what a first
/// judgement finds is the beginning, and no change.
pub fn changes(report: &Report, judged_before: impl Fn(&str) -> bool) -> Vec<Event> {
    let row = |change: &ChangeRow| {
        let campaign = report.campaigns.iter().find(|c| c.id == change.campaign)?;
        campaign.integrations.iter().find(|row| row.integration == change.integration)
    };
    let fresh = report.fresh.iter().filter(|change| judged_before(&change.campaign));
    fresh
        .map(|change| {
            let about = format!("{}/{}", change.campaign, change.integration);
            // One integration may change twice in one instant: two judgements may be of it.
            let nth = change.number.to_string();
            event("integration.changed", about, (report.now, &nth), &Changed { change, row: row(change) })
        })
        .collect()
}

/// One event for each alarm that begins or is over.
pub fn alarms(news: &[AlarmNews], now: Timestamp) -> Vec<Event> {
    let of = |news: &AlarmNews| {
        let kind = if news.until.is_some() { "alarm.over" } else { "alarm.begun" };
        let alarm = &news.alarm;
        let data = Alarmed {
            alarm: alarm.kind.as_str(),
            about: inert::name(&alarm.about),
            since: alarm.since,
            until: news.until,
            title: news.title(),
            reason: inert::sentence(&alarm.reason),
            todo: alarm.kind.todo(),
        };
        event(kind, format!("{}/{}", alarm.kind, alarm.about), (now, ""), &data)
    };
    news.iter().map(of).collect()
}

/// `nth` tells it from others about the same at the same instant.
fn event(kind: &'static str, about: String, (at, nth): (Timestamp, &str), data: &impl Serialize) -> Event {
    let hash = Sha256::digest(format!("{kind}\n{about}\n{}\n{nth}", at.as_millisecond()));
    let id = format!("msg_{}", &data_encoding::BASE32_NOPAD.encode(&hash).to_lowercase()[..26]);
    let body = serde_json::to_string(&Body { r#type: kind, timestamp: at, data }).expect("rows hold no map with odd keys");
    Event { id, kind, about, body }
}
