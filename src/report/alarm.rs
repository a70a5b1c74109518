//! Alarms: what somebody has to know before the next digest. Each is told when it begins, once, and when it is over.

use jiff::{Timestamp, tz::TimeZone};
use minijinja::HtmlEscape;

use super::{Audience, document::Report, inert, letter::Letter, words};
use crate::evidence::vocabulary::spelled;

spelled!(
    /// What is told at once.
    AlarmKind {
        /// An integration that was done uses the legacy credential again.
        Returned = "returned",
        /// A source is not read any more.
        SourceDown = "source_down",
        /// A report does not reach its readers.
        Undeliverable = "digest_undeliverable",
        /// The store fails whoever records.
        StoreFailing = "store_failing",
    }
);

impl AlarmKind {
    /// What a reader can do about it.
    pub fn todo(self) -> &'static str {
        match self {
            Self::Returned => {
                "Ask its owner whether this was meant: a restored backup, a job that was started again, an old script."
            }
            Self::SourceDown => {
                "Look at /readyz and the log of the service. What is missed meanwhile is read later where its source keeps it."
            }
            Self::Undeliverable => "Look at the log of the service and at the mail server. The page shows the report meanwhile.",
            Self::StoreFailing => {
                "Mend what is named there: the room or the health of the disk, the rights of the file, or the file itself. /readyz names what stands still until then, mostly all of it; the page shows what was known."
            }
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: AlarmKind,
    /// The source, the audience; campaign and integration.
    pub about: String,
    pub since: Timestamp,
    pub reason: String,
}

/// An alarm that begins, or is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmNews {
    pub alarm: Alarm,
    /// None while it begins.
    pub until: Option<Timestamp>,
}

impl AlarmNews {
    /// `audit/acme is not read`.
    pub fn title(&self) -> String {
        let about = inert::name(&self.alarm.about);
        let integration = || about.rsplit('/').next().unwrap_or_default().to_owned();
        match (self.alarm.kind, self.until) {
            (AlarmKind::Returned, None) => format!("integration {} is back: it was done and is used again", integration()),
            (AlarmKind::Returned, Some(_)) => format!("integration {} is done again", integration()),
            (AlarmKind::SourceDown, None) => format!("{about} is not read"),
            (AlarmKind::SourceDown, Some(_)) => format!("{about} is read again"),
            (AlarmKind::Undeliverable, None) => format!("the report for {about} does not arrive"),
            (AlarmKind::Undeliverable, Some(_)) => format!("the report for {about} arrives again"),
            (AlarmKind::StoreFailing, None) => "the store fails".to_owned(),
            (AlarmKind::StoreFailing, Some(_)) => "the store works again".to_owned(),
        }
    }
}

/// The integrations that are back, each with why.
pub fn returned(report: &Report) -> Vec<Alarm> {
    let rows = report.campaigns.iter().flat_map(|c| &c.integrations).filter(|row| row.returned);
    let alarm = |row: &super::document::IntegrationRow| {
        let owner = if row.owner.is_empty() { "nobody".to_owned() } else { row.owner.clone() };
        let why = row.reasons.first().cloned().unwrap_or_default();
        Alarm {
            kind: AlarmKind::Returned,
            about: format!("{}/{}", row.campaign, row.integration),
            since: report.now,
            reason: format!("{} from {}, owned by {owner}: {why}", words::short_name(&row.client_name), row.origin),
        }
    };
    rows.map(alarm).collect()
}

/// All that is news at one time, as one mail.
pub fn letter(news: &[AlarmNews], zone: &TimeZone) -> Letter {
    let (text, html): (Vec<String>, Vec<String>) = news.iter().map(|news| part(news, zone)).unzip();
    let subject = subject(news);
    Letter {
        audience: Audience::Security,
        text: format!("{}\n", text.join("\n\n")),
        html: format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>{}</title></head>\n<body style=\"font-family:system-ui,Arial,sans-serif;font-size:15px;line-height:1.5\">\n{}\n\
             </body></html>\n",
            HtmlEscape(&subject),
            html.join("\n")
        ),
        subject,
        images: Vec::new(),
        attachments: Vec::new(),
        list_id: "duskwatch-alarm",
    }
}

fn subject(news: &[AlarmNews]) -> String {
    let begun = news.iter().filter(|news| news.until.is_none()).count();
    let first = news.iter().find(|news| news.until.is_none()).or(news.first());
    let first = first.map(AlarmNews::title).unwrap_or_default();
    match (begun, news.len() - begun) {
        (1, 0) => format!("[duskwatch] alarm: {first}"),
        (0, 1) => format!("[duskwatch] over: {first}"),
        (0, over) => format!("[duskwatch] {over} alarms are over: {first} and more"),
        (begun, 0) => format!("[duskwatch] {begun} alarms: {first} and more"),
        (begun, over) => format!("[duskwatch] alarms: {begun} new, {over} over: {first} and more"),
    }
}

/// One alarm as text and as HTML.
fn part(news: &AlarmNews, zone: &TimeZone) -> (String, String) {
    let alarm = &news.alarm;
    let title = words::sentence_case(&news.title());
    let since = words::instant(alarm.since, zone);
    let when = match news.until {
        None => format!("Since {since}."),
        Some(until) => format!("From {since} to {}.", words::instant(until, zone)),
    };
    let why = format!("{}: {}", if news.until.is_none() { "Why" } else { "Why it was so" }, inert::sentence(&alarm.reason));
    let todo = if news.until.is_none() { alarm.kind.todo() } else { "Nothing has to be done." };
    let html = format!(
        "<h1 style=\"font-size:18px\">{}</h1>\n<p>{}<br>{}</p>\n<p>{}</p>",
        HtmlEscape(&title),
        HtmlEscape(&when),
        HtmlEscape(&why),
        HtmlEscape(todo)
    );
    (format!("{title}\n{when}\n{why}\n{todo}"), html)
}
