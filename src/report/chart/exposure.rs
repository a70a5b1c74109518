//! At which hours what remains works, against the hours of the brownouts to come.

use super::picture::{Ink, Picture, Sample, Shape, Span, numbers};
use crate::{analysis::total, report::document::CampaignReport};

/// None where nothing is expected at any hour.
pub fn exposure(campaign: &CampaignReport) -> Option<Picture> {
    let hours = &campaign.uses_by_hour;
    let most = hours.iter().copied().fold(0.0, f64::max);
    if most < 0.05 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "uses an hour, rounded up")]
    let (top, y_labels) = numbers(most.ceil() as u64);
    let bar = |(hour, uses): (u32, &f64)| Shape::Bar {
        corners: [(f64::from(hour) + 0.1, 0.0), (f64::from(hour) + 0.9, *uses)],
        ink: if inside(campaign, hour) { Ink::Vermillion } else { Ink::Blue },
    };
    let spans = (0..24).filter(|hour| inside(campaign, *hour)).map(|hour| Span {
        from: f64::from(hour),
        to: f64::from(hour + 1),
        opacity: 0.14,
        words: String::new(),
    });
    let all: f64 = hours.iter().sum();
    let hit = total((0..).zip(hours).filter(|(hour, _)| inside(campaign, *hour)).map(|(_, uses)| *uses));
    let busiest = (0..24_u32).zip(hours).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(hour, _)| hour);
    let in_windows = if campaign.window_hours == 0 {
        String::new()
    } else {
        format!("; about {hit:.0} of them at hours of the next brownouts")
    };
    let mut key = vec![(Sample::Fill, Ink::Blue, "expected uses of what remains, by UTC hour".to_owned())];
    if campaign.window_hours != 0 {
        key.push((Sample::Fill, Ink::Vermillion, "at hours of the next brownouts".to_owned()));
    }
    Some(Picture {
        title: "Exposure by hour",
        alt: format!("About {all:.0} uses are expected on an average day, most at {busiest:02}:00 UTC{in_windows}."),
        note: "On an average day, at the present rate. Hours are UTC.",
        x: (0.0, 24.0),
        top,
        x_labels: (0..24).step_by(3).map(|hour| (f64::from(hour), format!("{hour:02}:00"))).collect(),
        y_labels,
        lying: false,
        spans: spans.collect(),
        marks: Vec::new(),
        shapes: (0..).zip(hours).map(bar).collect(),
        key,
    })
}

fn inside(campaign: &CampaignReport, hour: u32) -> bool {
    campaign.window_hours & (1 << hour) != 0
}
