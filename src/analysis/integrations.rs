//! One campaign's integrations: swept through time, described, ranked, and counted down.

use std::borrow::Cow;

use super::assess::Scene;
use super::burndown::Burndown;
use super::covered::CoveredDays;
use super::days::{UnitUses, add};
use super::figures::Figures;
use super::habit::{self, Calendar};
use super::identity::is_crowd_id;
use super::owners::{self, Subject, owner_of};
use super::proof;
use super::rank::{self, Moment};
use super::reasons;
use super::secrets;
use super::timeline::{Course, Rules, Standing, sweep};
use super::trap;
use super::{CampaignFindings, Closure, Forecast, Integration, NextWindow, Owner, Waiver, forecast};
use crate::evidence::{Campaign, Day, Permission, Status, time::MS_PER_DAY, time::instant};

/// Windows that are looked ahead to: two days of them.
const MAX_WINDOWS: usize = 8;

/// Every integration with legacy evidence of one campaign, judged one after the other.
pub(super) struct Judged<'a> {
    scene: &'a Scene<'a>,
    rules: &'a Rules<'a>,
    calendar: Calendar,
    burndown: Burndown,
    integrations: Vec<Integration>,
    standings: Vec<Standing>,
    /// The units of the rows.
    numbers: Vec<usize>,
}

impl<'a> Judged<'a> {
    pub(super) fn new(scene: &'a Scene<'_>, rules: &'a Rules<'_>) -> Self {
        Self {
            scene,
            rules,
            calendar: Calendar::new(rules.campaign),
            burndown: Burndown::new(scene.first, scene.today),
            integrations: Vec::new(),
            standings: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Judges the next unit; they come in their order. `covered` as in a [`Course`].
    pub(super) fn unit(&mut self, number: usize, uses: &UnitUses, covered: &[(Day, &CoveredDays)]) {
        let (scene, rules) = (self.scene, self.rules);
        let course = course(scene, number, uses, covered);
        let user = scene.user_numbers[number];
        let Some(standing) = sweep(&course, rules, |day| self.burndown.count(user, day)) else { return };
        let swept = Swept { course: &course, standing: &standing, uses };
        let Some(row) = describe(scene, rules, &self.calendar, number, swept) else { return };
        self.integrations.push(row);
        self.standings.push(standing);
        self.numbers.push(number);
    }

    /// Takes over what was judged of the units behind these, of other users.
    pub(super) fn append(&mut self, next: Self) {
        self.burndown.append(&next.burndown);
        self.integrations.extend(next.integrations);
        self.standings.extend(next.standings);
        self.numbers.extend(next.numbers);
    }

    pub(super) fn finish(self) -> CampaignFindings {
        let Self { scene, rules, burndown, mut integrations, standings, numbers, .. } = self;
        let campaign = rules.campaign;
        secrets::note_shared(scene, rules, &numbers, &mut integrations);
        let (forecast, stays) = forecast(&integrations, &standings, campaign, scene.today);
        let moment = moment(rules, &integrations);
        for (row, stays) in integrations.iter_mut().zip(stays) {
            row.stays = stays;
            (row.score, row.terms) = rank::score(row, &moment);
        }
        rank::order(&mut integrations, moment.removed);
        let windows = NextWindow::all(campaign.windows_after(scene.inputs.now, MAX_WINDOWS), &integrations);
        CampaignFindings { campaign: campaign.clone(), integrations, burndown: burndown.into_rows(), windows, forecast }
    }
}

/// When it will be over, and the probability of each integration that it stays until the removal.
fn forecast<'a>(rows: &'a [Integration], standings: &'a [Standing], campaign: &Campaign, today: Day) -> (Forecast, Vec<f64>) {
    let subject = |(row, standing): (&'a Integration, &'a Standing)| forecast::Subject {
        id: &row.id,
        owner: row.owner.as_deref(),
        client: &row.client,
        category: row.category,
        remaining: row.status.remaining(),
        failing: row.status == Status::Failing,
        gone: matches!(row.status, Status::Migrated | Status::Retired),
        passage: &standing.passage,
    };
    let subjects: Vec<forecast::Subject<'_>> = rows.iter().zip(standings).map(subject).collect();
    forecast::judge(&subjects, campaign, today)
}

/// The exception that holds for it today, by its place in the policy.
fn waiver(scene: &Scene<'_>, number: usize) -> Option<usize> {
    let holds = |waiver: &Waiver| scene.is_called(number, &waiver.integration) && waiver.holds_on(scene.today);
    scene.inputs.policy.waivers.iter().position(holds)
}

/// What owners said of it being gone.
fn closures<'a>(scene: &'a Scene<'_>, number: usize) -> impl Iterator<Item = &'a Closure> {
    scene.inputs.policy.closures.iter().filter(move |closure| scene.is_called(number, &closure.integration))
}

fn deciding_closure<'a>(scene: &'a Scene<'_>, number: usize, standing: &Standing) -> Option<&'a Closure> {
    closures(scene, number).find(|closure| standing.closed == Some(Day::from_date(closure.date)))
}

/// An owner's word that it is gone which its last use contradicts.
fn disproved(scene: &Scene<'_>, number: usize, row: &Integration) -> Option<String> {
    let before = |closure: &&Closure| row.closed.is_none() && Day::from_date(closure.date) < Day::of(row.last_seen);
    let gone = closures(scene, number).filter(before).map(|closure| closure.date).max()?;
    Some(format!("declared gone on {gone}, and used since: that holds no longer"))
}

fn course<'a>(scene: &'a Scene<'_>, number: usize, uses: &'a UnitUses, covered: &'a [(Day, &'a CoveredDays)]) -> Course<'a> {
    Course {
        cells: &uses.cells,
        covered,
        closures: closures(scene, number).map(|closure| Day::from_date(closure.date)).collect(),
        is_repository: &scene.is_repository,
        is_crowd: is_crowd_id(&scene.units[number].key.user),
    }
}

/// What one integration did, and where that leaves it.
#[derive(Clone, Copy)]
struct Swept<'a> {
    course: &'a Course<'a>,
    standing: &'a Standing,
    uses: &'a UnitUses,
}

/// None without legacy use, of which a standing is made.
fn describe(scene: &Scene<'_>, rules: &Rules<'_>, calendar: &Calendar, number: usize, swept: Swept<'_>) -> Option<Integration> {
    let (Swept { course, standing, uses }, unit) = (swept, &scene.units[number]);
    let figures = Figures::of(&uses.cells, rules, &standing.passage);
    let places = Places::new(scene, &figures);
    let (client, owner) = (scene.inputs.clients.get(&unit.key.client), places.owner(scene, number));
    let lead_time_days = owner.as_ref().and_then(|owner| owner.lead_time_days).unwrap_or(scene.inputs.policy.lead_time_days);
    let (deadline, leaver) = (rules.campaign.removal, scene.rights.leaver(&scene.people, &unit.key.user, &places.workspaces));
    let category = scene.inputs.clients.category(&unit.key.client);
    let name_of = |place: u32| scene.names.places[place as usize].to_string();
    let subject =
        habit::Subject { category, origin: &unit.key.origin, repositories: places.repositories.len(), name_of: &name_of };
    let habit = habit::judge(course, rules, &subject, (calendar, rules.campaign.windows_after(scene.inputs.now, MAX_WINDOWS)))?;
    let (trap, refused_by_name) = trap::trap(scene, rules, number, uses);
    let mut row = Integration {
        id: scene.ids[number].clone(),
        former_ids: scene.former_ids[number].clone(),
        rank: None,
        status: standing.last.status,
        returned: standing.last.returned,
        waiver: waiver(scene, number),
        window_only: figures.window_only(),
        closed: standing.closed,
        seen_since: standing.passage.seen_since,
        unseen_since: reasons::unseen_since(scene.looked_until_ms(uses), rules.now_ms),
        grade: standing.last.grade,
        score: 0.0,
        stays: 0.0,
        terms: Vec::new(),
        owner: owner.as_ref().map(|owner| owner.name.clone()),
        owner_email: owner.as_ref().and_then(|owner| owner.email.clone()),
        owner_why: places.owner_why(scene, number),
        lead_time_days,
        workspaces: places.workspaces.iter().map(|workspace| (*workspace).to_owned()).collect(),
        workspace: places.most_used.map(str::to_owned),
        client: unit.key.shown_client().to_owned(),
        client_name: client.map_or_else(|| unit.key.shown_client().to_owned(), |client| client.name.clone()),
        category,
        origin: unit.key.origin.text(),
        machine: habit.rhythm.machine,
        period_days: standing.period_days,
        silent_days: standing.silent_days,
        horizon_days: standing.horizon_days,
        days_to_silence: standing.days_to_silence,
        first_seen: instant(figures.first_ms),
        last_seen: instant(figures.last_ms),
        last_accepted: figures.last_accepted_ms.map(instant),
        last_rejected: figures.last_rejected_ms.map(instant),
        uses_7d: figures.uses_7d,
        uses_30d: figures.uses_30d,
        weekly_rejected: figures.weekly_rejected,
        rejected_30d: figures.rejected_30d,
        writes_30d: figures.writes_30d,
        highest_permission: places.highest_permission(scene, number).map(|permission| permission.as_str().to_owned()),
        user: scene.persons[number].clone(),
        name_state: scene.people.state(&unit.key.user),
        leaver: leaver.is_some(),
        secret_shared_with: Vec::new(),
        repositories: places.repositories,
        replacement: figures.replacement.map(|(_, credential)| credential),
        replacement_last_seen: figures.replacement.map(|(ms, _)| instant(ms)),
        replacement_rejected_30d: figures.replacement_rejected_30d + refused_by_name,
        deadline,
        latest_safe_start: instant(deadline.as_millisecond() - i64::from(lead_time_days) * MS_PER_DAY),
        advice: reasons::advice(rules.campaign, client),
        reasons: Vec::new(),
        contradiction: figures.accepted_after_removal,
        weekly_uses: habit.weekly_uses,
        brownouts: habit.brownouts,
        exposure: habit.exposure,
        rhythm: habit.rhythm,
        trap,
        proof: proof::proof(&uses.cells, rules, standing, &figures, &scene.is_repository, &name_of),
        lift: uses.lift,
        sources: sources(scene, uses),
    };
    let decided = (row.waiver.map(|at| &scene.inputs.policy.waivers[at]), deciding_closure(scene, number, standing));
    row.reasons = reasons::reasons(&row, rules.campaign, &figures, standing, &scene.counted.rules, decided, &name_of);
    row.reasons.extend(disproved(scene, number, &row).into_iter().chain(reasons::of_user(&row, leaver, &scene.people)));
    Some(row)
}

/// The sources that have shown it, sorted.
fn sources(scene: &Scene<'_>, uses: &UnitUses) -> Vec<String> {
    let mut sources: Vec<String> =
        uses.shown.iter().map(|showing| scene.names.sources[showing.source as usize].to_owned()).collect();
    sources.sort_unstable();
    sources
}

fn moment(rules: &Rules<'_>, integrations: &[Integration]) -> Moment {
    #[expect(clippy::cast_precision_loss, reason = "instants in milliseconds lie below 2^53")]
    let days_left = (rules.campaign.removal.as_millisecond() - rules.now_ms) as f64 / MS_PER_DAY as f64;
    let (tries, uses) = (rank::UsualTries::of(integrations), rank::UsualUses::of(integrations));
    Moment { removed: rules.campaign.removed_at(rules.now_ms - 1), days_left, tries, uses }
}

/// Where an integration uses the legacy credential, sorted.
struct Places<'a> {
    workspaces: Vec<&'a str>,
    most_used: Option<&'a str>,
    slugs: Vec<(&'a str, &'a str)>,
    repositories: Vec<String>,
}

impl<'a> Places<'a> {
    fn new(scene: &'a Scene<'_>, figures: &Figures) -> Self {
        let used = || figures.places.iter().map(|(place, uses)| (scene.names.places[*place as usize], *uses));
        let mut by_workspace: Vec<(&str, u64)> = Vec::new();
        // Places are sorted by workspace first.
        for (workspace, uses) in used().filter_map(|(place, uses)| Some((place.workspace?, uses))) {
            match by_workspace.last_mut() {
                Some((last, sum)) if *last == workspace => add(sum, uses),
                _ => by_workspace.push((workspace, uses)),
            }
        }
        let repositories = used().filter_map(|(place, _)| place.repository.map(|slug| (place.workspace, slug)));
        Self {
            // The last of equals is taken, so the search runs backwards to find the first by name.
            most_used: by_workspace.iter().rev().max_by_key(|(_, uses)| *uses).map(|(workspace, _)| *workspace),
            workspaces: by_workspace.into_iter().map(|(workspace, _)| workspace).collect(),
            slugs: repositories.clone().filter_map(|(workspace, slug)| Some((workspace?, slug))).collect(),
            repositories: used()
                .map(|(place, _)| place)
                .filter(|place| place.repository.is_some())
                .map(|place| place.to_string())
                .collect(),
        }
    }

    fn subject<'s>(&'s self, scene: &'s Scene<'_>, number: usize, origin: &'s str) -> Subject<'s> {
        let key = &scene.units[number].key;
        Subject {
            user_id: &scene.persons[number].id,
            names: scene.people.names(&scene.persons[number].id),
            workspaces: self.workspaces.clone(),
            repositories: self.repositories.iter().map(String::as_str).collect(),
            clients: vec![key.shown_client()],
            origins: vec![origin],
        }
    }

    fn owner(&self, scene: &'a Scene<'_>, number: usize) -> Option<Cow<'a, Owner>> {
        let origin = scene.units[number].key.origin.text();
        owner_of(&scene.inputs.policy.owners, &scene.teams, &[self.subject(scene, number, &origin)])
    }

    fn owner_why(&self, scene: &Scene<'_>, number: usize) -> Option<String> {
        let origin = scene.units[number].key.origin.text();
        owners::why(&scene.inputs.policy.owners, &scene.teams, &self.subject(scene, number, &origin))
    }

    fn highest_permission(&self, scene: &Scene<'_>, number: usize) -> Option<Permission> {
        scene.rights.highest(&scene.persons[number].id, self.workspaces.iter().copied(), self.slugs.iter().copied())
    }
}
