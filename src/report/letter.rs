//! The mails: the daily digest, the weekly brief and the notice to an owner, ready to be put into MIME parts.

use minijinja::context;

use super::{
    Audience, chart, csv,
    document::Report,
    notice::{self, Notice},
    view::{self, Limits},
    words,
};

/// One mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub audience: Audience,
    /// One line, without control characters.
    pub subject: String,
    pub text: String,
    /// Refers to the images as `cid:` and their content id.
    pub html: String,
    pub images: Vec<InlineImage>,
    pub attachments: Vec<Attachment>,
    /// The list's label (RFC 2919); the sender's domain is appended by whoever sends it.
    pub list_id: &'static str,
}

impl Letter {
    /// The HTML with its images inside, to be opened as a file.
    pub fn standalone_html(&self) -> String {
        self.images.iter().fold(self.html.clone(), |html, image| {
            let data = format!("data:image/png;base64,{}", data_encoding::BASE64.encode(&image.png));
            html.replace(&format!("cid:{}", image.content_id), &data)
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineImage {
    /// Without angle brackets.
    pub content_id: String,
    pub png: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub mime: &'static str,
    pub bytes: Vec<u8>,
}

/// What a mail about the whole organisation is made with.
struct Form {
    audience: Audience,
    html: &'static str,
    text: &'static str,
    list_id: &'static str,
    limits: Limits,
}

const DIGEST: Form = Form {
    audience: Audience::Security,
    html: "digest.html",
    text: "digest.txt",
    list_id: "duskwatch-digest",
    // Mail programs clip HTML above 100 kB: twenty rows with their reasons stay well below.
    limits: Limits { ranked: 20, changes: 15, teams: 10, sources: 20 },
};
const BRIEF: Form = Form {
    audience: Audience::Leadership,
    html: "brief.html",
    text: "brief.txt",
    list_id: "duskwatch-brief",
    // One page.
    limits: Limits { ranked: 0, changes: 0, teams: 12, sources: 8 },
};

/// The daily digest for the security team.
pub fn digest(report: &Report) -> Letter {
    let day = crate::evidence::Day::of_ms(report.now.as_millisecond() - 1);
    let archive = Attachment { name: format!("duskwatch-{day}.zip"), mime: "application/zip", bytes: csv::archive(report) };
    letter(report, DIGEST, words::subject(report), vec![archive])
}

/// The weekly brief for leadership.
pub fn brief(report: &Report) -> Letter {
    letter(report, BRIEF, words::brief_subject(report), Vec::new())
}

/// The notice to one owner. `contact` is whom to ask; empty where nobody is named.
pub fn notice(notice: &Notice, contact: &str) -> Letter {
    let subject = notice::words::subject(notice);
    Letter {
        audience: Audience::Owner(notice.owner.clone()),
        text: notice::view::render(notice, "notice.txt", &subject, contact),
        html: notice::view::render(notice, "notice.html", &subject, contact),
        subject,
        images: Vec::new(),
        attachments: Vec::new(),
        list_id: "duskwatch-notice",
    }
}

fn letter(report: &Report, form: Form, subject: String, attachments: Vec<Attachment>) -> Letter {
    let charts: Vec<Option<Vec<u8>>> = report.campaigns.iter().map(|c| chart::png(c, report.now)).collect();
    let images: Vec<InlineImage> = charts
        .into_iter()
        .enumerate()
        .filter_map(|(i, png)| png.map(|png| InlineImage { content_id: content_id(i), png }))
        .collect();
    let cids: Vec<Option<String>> = (0..report.campaigns.len())
        .map(|i| images.iter().map(|image| image.content_id.clone()).find(|id| *id == content_id(i)))
        .collect();
    let more = context! { subject => subject.as_str(), cids };
    Letter {
        audience: form.audience,
        text: view::render(report, form.text, form.limits, more.clone()),
        html: view::render(report, form.html, form.limits, more),
        subject,
        images,
        attachments,
        list_id: form.list_id,
    }
}

fn content_id(campaign: usize) -> String {
    format!("burndown-{campaign}@duskwatch")
}
