//! Who works and is not seen. A share of zero that nobody could have seen is not a share of zero: beside what remains, a
//! reader has to know of how many people nothing could have been found.
//!
//! The rule. Of the people on a workspace's member list, those are *active* whose last activity, as Bitbucket tells it, lies
//! in the last [`RECENT_DAYS`] days. Of the active, those are *observed* of whom a source that can show credentials (a log, an
//! intake, an import; the APIs and the audit log cannot show an app password) has shown a sign-in since as many days before
//! that activity, in whatever workspace. The others are *not observed*: that they sign in with an app password is as possible
//! as that they do not, so they are counted apart and remain nowhere.
//!
//! Bitbucket stops telling last activities when a workspace is administered on admin.atlassian.com, and the last ones that it
//! told stay in the store. So they count only while nobody on the list is seen at work there long after the newest of them;
//! and since only the newest is kept, a day that is looked back on has none as soon as anybody was active later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::assess::Scene;
use super::days::UnitUses;
use super::{Activity, Observation, ObservedWorkspace};
use crate::evidence::{Day, Outcome, SourceKind, coverage::shows_credentials};

/// What counts as recent.
pub(super) const RECENT_DAYS: i32 = 30;
/// An activity is told within hours; one that is missing for so long is not told any more.
const UNTOLD_AFTER_DAYS: i32 = 7;

/// When anybody was seen, and who is active and was not.
pub(super) struct Watch {
    last_seen: HashMap<String, Day>,
    not_observed: BTreeSet<String>,
    /// None after the last removal: then there is nothing left that could be missed.
    pub(super) observation: Option<Observation>,
}

impl Watch {
    pub(super) fn new(scene: &Scene<'_>, sightings: Sightings<'_>) -> Self {
        let Sightings { last_seen, accepted } = sightings;
        let mut watch = Self { last_seen, not_observed: BTreeSet::new(), observation: None };
        let now_ms = scene.inputs.now.as_millisecond();
        if !scene.inputs.campaigns.iter().all(|campaign| campaign.removed_at(now_ms - 1)) {
            watch.observation = Some(watch.observe(scene, &accepted));
        }
        watch
    }

    /// Whether a user is observed; none for whoever is not seen and not known to be active either.
    pub(super) fn observed(&self, scene: &Scene<'_>, user: &str) -> Option<bool> {
        self.observation.as_ref()?;
        let active = scene.rights.last_accessed(user).map_or(scene.today, Day::of);
        let seen = self.saw(user, active);
        if seen { Some(true) } else { self.not_observed.contains(user).then_some(false) }
    }

    fn saw(&self, user: &str, active: Day) -> bool {
        self.last_seen.get(user).is_some_and(|seen| *seen >= active.plus(-RECENT_DAYS))
    }

    fn observe(&mut self, scene: &Scene<'_>, accepted: &[Accepted<'_>]) -> Observation {
        let lists = lists(scene);
        let at_work = at_work(accepted, &lists);
        let (mut active, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut workspaces = Vec::new();
        for (workspace, list) in &lists {
            let mut row = ObservedWorkspace {
                workspace: (*workspace).to_owned(),
                activity: activity(scene, list, at_work.get(workspace).copied()),
                members: count(list.len()),
                active: 0,
                observed: 0,
            };
            let told = row.activity == Activity::Told;
            for (user, accessed) in list {
                let recent = told && accessed.is_some_and(|day| day > scene.today.plus(-RECENT_DAYS));
                let saw = self.saw(user, accessed.filter(|_| told).unwrap_or(scene.today));
                row.active += u32::from(recent);
                row.observed += u32::from(saw && (recent || !told));
                active.extend(recent.then_some(user));
                seen.extend((recent && saw).then_some(user));
            }
            workspaces.push(row);
        }
        self.not_observed = active.difference(&seen).map(|user| (*user).clone()).collect();
        let recent = |day: Day| day > scene.today.plus(-RECENT_DAYS);
        let nameless = |user: &str| user.starts_with("name:") || user.starts_with("email:");
        let strangers = self.last_seen.iter().filter(|(user, day)| nameless(user) && recent(**day)).count();
        Observation { workspaces, active: count(active.len()), observed: count(seen.len()), strangers: count(strangers) }
    }
}

/// The people on a workspace's list, and on which day each was active last.
type List = Vec<(String, Option<Day>)>;

/// The lists of all workspaces that are read, also of those that could not be.
fn lists<'a>(scene: &Scene<'a>) -> BTreeMap<&'a str, List> {
    let mut lists: BTreeMap<&str, List> = BTreeMap::new();
    let sources = scene.inputs.ledger.sources.keys();
    for workspace in sources.filter_map(|source| SourceKind::Access.name_of(source)) {
        lists.entry(workspace).or_default();
    }
    for member in &scene.inputs.roster.members {
        let person = scene.people.id_of(&member.person).filter(|user| !scene.people.is_token(user));
        let list = lists.entry(&member.workspace).or_default();
        list.extend(person.map(|user| (user, member.last_accessed.map(Day::of))));
    }
    lists
}

/// When users were seen, collected unit by unit.
#[derive(Default)]
pub(super) struct Sightings<'a> {
    /// The last day on which a source that can show credentials showed a sign-in of each user, or a try.
    last_seen: HashMap<String, Day>,
    accepted: Vec<Accepted<'a>>,
}

/// The last day on which a user got into a workspace with one integration.
struct Accepted<'a> {
    user: &'a str,
    workspace: &'a str,
    last: Day,
}

impl<'a> Sightings<'a> {
    pub(super) fn add(&mut self, scene: &'a Scene<'_>, number: usize, uses: &UnitUses) {
        let user = scene.units[number].key.user.as_str();
        if user.is_empty() {
            return;
        }
        let showing = uses.shown.iter().filter(|showing| shows_credentials(scene.names.sources[showing.source as usize]));
        if let Some(day) = showing.map(|showing| showing.last).max() {
            let last = self.last_seen.entry(user.to_owned()).or_insert(day);
            *last = day.max(*last);
        }
        let mut last_in: HashMap<&str, Day> = HashMap::new();
        for cell in uses.cells.iter().filter(|cell| cell.outcome == Outcome::Accepted) {
            let Some(workspace) = scene.names.places[cell.place as usize].workspace else { continue };
            last_in.insert(workspace, cell.day);
        }
        self.accepted.extend(last_in.into_iter().map(|(workspace, last)| Accepted { user, workspace, last }));
    }

    /// Takes over those of other users.
    pub(super) fn append(&mut self, others: Self) {
        self.last_seen.extend(others.last_seen);
        self.accepted.extend(others.accepted);
    }
}

/// The last day on which anybody on a workspace's list was seen to get in there, by any source.
fn at_work<'a>(accepted: &[Accepted<'_>], lists: &BTreeMap<&'a str, List>) -> HashMap<&'a str, Day> {
    let members: HashMap<&str, (&'a str, BTreeSet<&str>)> = lists
        .iter()
        .map(|(workspace, list)| (*workspace, (*workspace, list.iter().map(|(user, _)| user.as_str()).collect())))
        .collect();
    let mut days: HashMap<&str, Day> = HashMap::new();
    for Accepted { user, workspace, last: day } in accepted {
        let Some((workspace, members)) = members.get(workspace) else { continue };
        if members.contains(user) {
            let last = days.entry(*workspace).or_insert(*day);
            *last = (*day).max(*last);
        }
    }
    days
}

/// Whether Bitbucket tells who is active in a workspace.
fn activity(scene: &Scene<'_>, list: &[(String, Option<Day>)], at_work: Option<Day>) -> Activity {
    let newest = list.iter().filter_map(|(_, accessed)| *accessed).max();
    match newest {
        _ if list.is_empty() => Activity::NoList,
        None => Activity::NeverTold,
        Some(newest) if newest > scene.today => Activity::NotKept,
        Some(newest) if at_work.is_some_and(|day| day > newest.plus(UNTOLD_AFTER_DAYS)) => Activity::NoLongerTold(newest),
        Some(_) => Activity::Told,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
