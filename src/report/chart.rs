//! Pictures of what the numbers do: each is drawn once for two surfaces, as SVG for pages and as PNG for mail (mail programs
//! show no SVG).
//!
//! A [`Picture`] says what is seen, in units of its axes; how that becomes strokes is `draw`'s, and the only place that knows
//! the library. Every picture carries the finding that it shows in words, for those who do not see it.

mod draw;
mod exposure;
mod forecasts;
mod picture;
mod remaining;
mod statuses;
mod teams;
mod uses;

use jiff::Timestamp;

use super::document::{CampaignReport, Report};
pub use exposure::exposure;
pub use forecasts::forecasts;
pub use picture::Picture;
pub use remaining::burndown;
pub use statuses::statuses;
pub use teams::teams;
pub use uses::{by_credential, of_row};

/// Every picture of a campaign that there is enough to see for, the burn-down first.
pub fn of_campaign(report: &Report, campaign: &CampaignReport) -> Vec<Picture> {
    let all = [
        burndown(campaign, report.now),
        statuses(campaign),
        by_credential(report, campaign),
        exposure(campaign),
        teams(campaign),
    ];
    all.into_iter().flatten().collect()
}

/// The burn-down as a PNG on white. None below two days: a point is no curve.
pub fn png(campaign: &CampaignReport, now: Timestamp) -> Option<Vec<u8>> {
    burndown(campaign, now).map(|picture| picture.png())
}

/// The finding that the burn-down shows.
pub fn alt(campaign: &CampaignReport) -> String {
    remaining::finding(campaign)
}
