//! What the model looks at: integrations, the cohorts they belong to, and the campaign's calendar.

use std::collections::BTreeMap;

use super::random;
use crate::analysis::{classify::UNKNOWN_CLIENT, timeline::Passage};
use crate::evidence::{Campaign, Category, Day, time::MS_PER_DAY};

/// One integration as the model sees it.
pub(in crate::analysis) struct Subject<'a> {
    pub(in crate::analysis) id: &'a str,
    pub(in crate::analysis) owner: Option<&'a str>,
    pub(in crate::analysis) client: &'a str,
    pub(in crate::analysis) category: Category,
    pub(in crate::analysis) remaining: bool,
    pub(in crate::analysis) failing: bool,
    /// Migrated or retired.
    pub(in crate::analysis) gone: bool,
    pub(in crate::analysis) passage: &'a Passage,
}

impl Subject<'_> {
    /// A replacement was in use before the last use of the legacy credential.
    pub(super) fn half(&self) -> bool {
        self.passage.replaced.is_some_and(|(first, _)| first < self.passage.last)
    }
}

/// The campaign's calendar as the model sees it.
pub(super) struct Timeline<'a> {
    pub(super) campaign: &'a Campaign,
    /// The first day of evidence.
    pub(super) first: Day,
    pub(super) today: Day,
    /// The first day on which the legacy credential does not work.
    pub(super) removal: Day,
    /// The share of each day inside brownout windows.
    pub(super) dark: BTreeMap<i32, f64>,
    /// Names the random numbers of this campaign.
    pub(super) stream: u64,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(campaign: &'a Campaign, first: Day, today: Day) -> Self {
        let mut dark = BTreeMap::new();
        for window in &campaign.windows {
            let day = Day::of_ms(window.from_ms).0;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a day fit")]
            let share = (window.to_ms - window.from_ms) as f64 / MS_PER_DAY as f64;
            *dark.entry(day).or_insert(0.0) += share;
        }
        let removal = Day::of(campaign.removal);
        Self { campaign, first, today, removal, dark, stream: random::name(&campaign.id) }
    }

    pub(super) fn dark_share(&self, day: i32) -> f64 {
        if day >= self.removal.0 { 1.0 } else { self.dark.get(&day).copied().unwrap_or(0.0) }
    }

    /// From the first brownout on, the time after the removal included.
    pub(super) fn in_season(&self, day: i32) -> bool {
        day >= self.removal.0 || self.dark.first_key_value().is_some_and(|(first, _)| day >= *first)
    }

    pub(super) fn removed(&self) -> bool {
        self.today >= self.removal
    }
}

/// Which cohorts there are, and to which each subject belongs; the first of each kind stands for nobody in particular.
pub(super) struct Cohorts {
    pub(super) owners: usize,
    pub(super) clients: usize,
    pub(super) categories: usize,
    pub(super) owner_streams: Vec<u64>,
    pub(super) client_streams: Vec<u64>,
    pub(super) of: Vec<Cohort>,
}

pub(super) struct Cohort {
    pub(super) owner: usize,
    pub(super) client: usize,
    pub(super) category: usize,
}

impl Cohorts {
    pub(super) fn new(subjects: &[Subject<'_>]) -> Self {
        let number = |names: &mut Vec<String>| {
            names.sort_unstable();
            names.dedup();
        };
        let mut owners: Vec<String> = subjects.iter().filter_map(|s| s.owner).map(str::to_owned).collect();
        // What nobody recognised is not one software.
        let mut clients: Vec<String> = subjects.iter().map(|s| s.client.to_owned()).filter(|c| c != UNKNOWN_CLIENT).collect();
        number(&mut owners);
        number(&mut clients);
        let place = |names: &[String], name: &str| names.binary_search_by(|n| n.as_str().cmp(name)).map_or(0, |at| at + 1);
        let of = |s: &Subject<'_>| Cohort {
            owner: s.owner.map_or(0, |owner| place(&owners, owner)),
            client: place(&clients, s.client),
            category: s.category as usize,
        };
        let streams = |kind: &str, names: &[String]| {
            std::iter::once(0).chain(names.iter().map(|n| random::name(&format!("{kind} {n}")))).collect::<Vec<u64>>()
        };
        Self {
            of: subjects.iter().map(of).collect(),
            owners: owners.len() + 1,
            clients: clients.len() + 1,
            categories: Category::ALL.len(),
            owner_streams: streams("owner", &owners),
            client_streams: streams("client", &clients),
        }
    }
}
