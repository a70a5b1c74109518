//! `[[campaign]]`: what is being retired.

use super::{
    fields::unique,
    reader::{Section, nearest},
};
use crate::evidence::{
    Campaign, Expiry,
    campaign::{self, Kind, MAX_CAMPAIGNS},
};

/// The campaigns of use and those of expiry; of app passwords only where nothing is configured.
pub(super) fn campaigns(root: &Section) -> (Vec<Campaign>, Vec<Expiry>) {
    let sections = root.tables("campaign");
    if sections.is_empty() {
        return (vec![Campaign::calendar(&[])], Vec::new());
    }
    if sections.len() > MAX_CAMPAIGNS {
        root.fault("campaign", format!("{} campaigns are more than {MAX_CAMPAIGNS}", sections.len()));
    }
    let kinds: Vec<Option<Kind>> = sections.into_iter().map(campaign).collect();
    let ids: Vec<String> = kinds.iter().map(|kind| kind.as_ref().map_or_else(String::new, |kind| kind.id().to_owned())).collect();
    unique(root, "campaign", ids.iter());
    let (mut campaigns, mut expiries) = (Vec::new(), Vec::new());
    for kind in kinds.into_iter().flatten() {
        match kind {
            Kind::Use(campaign) => campaigns.push(*campaign),
            Kind::Expiry(expiry) => expiries.push(expiry),
        }
    }
    (campaigns, expiries)
}

fn campaign(section: Section) -> Option<Kind> {
    let removal = section.instant("removal");
    let text = section.parsed("file", |reference| match Campaign::builtin(reference) {
        Some(text) => Ok((reference.to_owned(), text.to_owned())),
        None if reference.starts_with("builtin:") => Err(not_built_in(reference)),
        None => std::fs::read_to_string(reference)
            .map(|text| (reference.to_owned(), text))
            .map_err(|error| format!("{reference} cannot be read: {error}")),
    });
    let kind = text.and_then(|(file, text)| campaign::read(&file, &text, removal).map_err(|faults| section.adopt(faults)).ok());
    if removal.is_some() && matches!(kind, Some(Kind::Expiry(_))) {
        section.fault("removal", "each token has a deadline of its own: leave this out");
    }
    section.finish();
    kind
}

fn not_built_in(reference: &str) -> String {
    let known: Vec<&str> = Campaign::builtin_names().collect();
    match nearest(reference, known.iter().copied()) {
        Some(near) => format!("`{reference}` is not built in; did you mean `{near}`?"),
        None => format!("`{reference}` is not built in; there are {}", known.join(", ")),
    }
}
