//! Uses by credential: of the whole organisation by week, which shows where the replacement overtakes what is being retired,
//! and of one row by day.

use std::collections::BTreeMap;

use super::{
    picture::{Ink, Picture, Point, Sample, Shape, real, stack},
    remaining::{brownouts, dates},
};
use crate::{
    analysis::{Authentication, counted},
    evidence::{
        Credential, Day, Outcome,
        counts::{add, sum},
    },
    report::document::{CampaignReport, Report, UsageRow},
};

/// Lines of one picture: more cannot be told apart.
const MOST_LINES: usize = 6;
/// Days before the last that one row's picture shows.
const MAX_DAYS: i32 = 183;

fn ink(credential: Credential) -> Ink {
    match credential {
        Credential::AppPassword | Credential::AccountPassword => Ink::Blue,
        Credential::ApiToken => Ink::Green,
        Credential::AccessToken => Ink::Amber,
        Credential::Oauth | Credential::Connect => Ink::Purple,
        Credential::SshKey | Credential::Container => Ink::Soft,
        Credential::Session | Credential::Unknown => Ink::Grey,
    }
}

fn name(credential: Credential) -> String {
    match credential {
        Credential::Oauth => "OAuth".to_owned(),
        Credential::SshKey => "SSH key".to_owned(),
        Credential::ApiToken => "API token".to_owned(),
        other => other.as_str().replace('_', " "),
    }
}

/// Whether programs sign in with it: what is being retired, what may replace it, and what may be either.
fn moves(credential: Credential) -> bool {
    matches!(
        credential,
        Credential::AppPassword
            | Credential::ApiToken
            | Credential::AccessToken
            | Credential::Oauth
            | Credential::SshKey
            | Credential::Unknown
    )
}

/// The most used kinds of credentials by week. None below two weeks.
pub fn by_credential(report: &Report, campaign: &CampaignReport) -> Option<Picture> {
    let (first, last) = (report.usage.first()?.week, report.usage.last()?.week);
    if first == last {
        return None;
    }
    let mut kinds: BTreeMap<Credential, Vec<&UsageRow>> = BTreeMap::new();
    for row in report.usage.iter().filter(|row| moves(row.credential)) {
        kinds.entry(row.credential).or_default().push(row);
    }
    let mut kinds: Vec<(Credential, Vec<&UsageRow>)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, rows)| std::cmp::Reverse(sum(rows.iter().map(|row| row.uses))));
    kinds.truncate(MOST_LINES);
    let across = (f64::from(first.0), f64::from(last.0) + 2.0);
    let highest = kinds.iter().flat_map(|(_, rows)| rows).map(|row| row.uses).max().unwrap_or(0);
    let line = |(credential, rows): &(Credential, Vec<&UsageRow>)| Shape::Line {
        points: rows.iter().map(|row| (f64::from(row.week.0), real(row.uses))).collect::<Vec<Point>>(),
        ink: ink(*credential),
        width: if *credential == Credential::AppPassword { 3 } else { 2 },
    };
    let in_week = |rows: &[&UsageRow], week: Day| rows.iter().find(|row| row.week == week).map_or(0, |row| row.uses);
    let words = |week: Day| {
        let parts = kinds.iter().map(|(credential, rows)| format!("{} {}", in_week(rows, week), name(*credential)));
        parts.collect::<Vec<_>>().join(", ")
    };
    Some(Picture {
        title: "Uses by credential",
        alt: format!("Uses in the week from {first}: {}; in the week from {last}: {}.", words(first), words(last)),
        note: "Accepted and rejected uses in each whole week, as far as sources could see them and as known now; browser sessions and app links are left out.",
        marks: dates(campaign, across),
        shapes: kinds.iter().rev().map(line).collect(),
        key: kinds.iter().map(|(credential, _)| (Sample::Line, ink(*credential), name(*credential))).collect(),
        ..Picture::over_days(across, highest)
    })
}

/// The uses of one integration, or of one user, by day. None where nothing was seen.
pub fn of_row(uses: &[Authentication], campaign: Option<&CampaignReport>, today: Day) -> Option<Picture> {
    let first = uses.iter().map(|row| row.day).min()?.max(today.plus(-MAX_DAYS));
    let mut days: BTreeMap<Day, BTreeMap<(bool, Credential), u64>> = BTreeMap::new();
    for row in uses.iter().filter(|row| row.day >= first) {
        let kind = (row.outcome == Outcome::Rejected, row.credential);
        add(days.entry(row.day).or_default().entry(kind).or_default(), row.uses);
    }
    let most = days.values().map(|kinds| sum(kinds.values().copied())).max()?;
    let across = (f64::from(first.0) - 1.0, f64::from(today.0) + 2.0);
    let bar = |(day, kinds): (&Day, &BTreeMap<(bool, Credential), u64>)| {
        let heights: Vec<(u64, Ink)> = kinds
            .iter()
            .map(|((rejected, credential), uses)| (*uses, if *rejected { Ink::Vermillion } else { ink(*credential) }))
            .collect();
        stack(f64::from(day.0), f64::from(day.0) + 1.0, &heights)
    };
    let of_kind = |wanted: &dyn Fn(bool, Credential) -> bool| {
        let cells = days.values().flatten().filter(|((rejected, credential), _)| wanted(*rejected, *credential));
        sum(cells.map(|(_, uses)| *uses))
    };
    let accepted =
        Credential::ALL.iter().map(|credential| (*credential, of_kind(&|rejected, other| !rejected && other == *credential)));
    let mut key: Vec<(Sample, Ink, String)> = accepted
        .filter(|(_, uses)| *uses > 0)
        .map(|(credential, uses)| (Sample::Fill, ink(credential), format!("{} {uses}", name(credential))))
        .collect();
    let rejected = of_kind(&|rejected, _| rejected);
    if rejected > 0 {
        key.push((Sample::Fill, Ink::Vermillion, format!("rejected {rejected}")));
    }
    let words: Vec<&str> = key.iter().map(|(_, _, words)| words.as_str()).collect();
    Some(Picture {
        title: "Credentials by day",
        alt: format!(
            "Uses from {first} to {today}, on {} with any: {}.",
            counted(days.len() as u64, "day", "days"),
            words.join(", ")
        ),
        note: "",
        spans: campaign.map(|campaign| brownouts(campaign, across)).unwrap_or_default(),
        marks: campaign.map(|campaign| dates(campaign, across)).unwrap_or_default(),
        shapes: days.iter().flat_map(bar).collect(),
        key,
        ..Picture::over_days(across, most)
    })
}
