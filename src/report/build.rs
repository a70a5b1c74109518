//! From inputs to the document. Everything that is counted, compared or put in order is counted here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    calendar, coverage,
    document::{
        BlindSpotRow, BlockerRow, BurndownRow, CampaignReport, Counts, Expiring, FailingRow, IntegrationRow, MoveRow, MovedRow,
        Report, TeamRow, TeamTime, TokenRow, UndeliveredRow, UnknownRow, WaiverRow, WindowRow,
    },
    expiries, figures, forecast, inert,
    inputs::{FailingPart, Inputs, Undelivered},
    movement, privacy, rhythms, rows, steps, words,
};
use crate::{
    analysis::{BurndownDay, CampaignFindings, NameState, ReportedDay, Share, Waiver, forecast::Quantiles},
    evidence::{
        Day, Ledger, Status,
        counts::sum,
        coverage::shows_credentials,
        time::{self, days_between},
    },
};

/// What leadership can act on in one meeting.
const MAX_BLOCKERS: usize = 5;
/// Expiring tokens that are listed by name; all are in the CSV.
const MAX_EXPIRING: usize = 20;
/// Unknown values that are listed; the most frequent ones.
const MAX_UNKNOWN: usize = 50;
/// Declared blind spots that are listed.
const MAX_BLIND_SPOTS: usize = 50;
/// Waivers are announced this long before they end.
const WAIVER_NOTICE_DAYS: i32 = 14;
/// A team whose latest safe start is this near is named in time.
const SOON_DAYS: i32 = 14;
/// The contract's first warning about an own secret.
const OWN_NOTICE_DAYS: i32 = 30;

/// Builds the document, of people under pseudonyms where that is asked for.
pub fn build(inputs: Inputs<'_>) -> Report {
    match inputs.people {
        None => built(&inputs),
        Some(people) => built(&privacy::Rewritten::new(&inputs, &people).inputs(inputs)),
    }
}

fn built(inputs: &Inputs<'_>) -> Report {
    let now = inputs.findings.now;
    let tokens = rows::tokens(inputs);
    let campaigns = campaigns(inputs);
    let mut report = Report {
        now,
        timezone: inputs.timezone.iana_name().unwrap_or("UTC").to_owned(),
        zone: inputs.timezone.clone(),
        late: inputs.late,
        previous: inputs.previous.map(|p| p.sent_at),
        coverage: coverage::report(inputs),
        steps: steps::of(&campaigns, inputs.clients),
        campaigns,
        changes: movement::all_changes(inputs.changes),
        users: inputs.findings.users.iter().map(rows::user).collect(),
        expiring: expiring(inputs, &tokens),
        expiries: expiries::reports(inputs, &tokens),
        undelivered: undelivered(inputs.undelivered),
        failing: inputs.failing.iter().map(failing).collect(),
        tokens,
        unknown: unknown(inputs),
        blind_spots: blind_spots(inputs),
        usage: rhythms::by_week(inputs.findings.authentications.daily(), inputs.findings.today()),
        authentications: inputs.findings.authentications.clone().renamed(inert::name, inert::name, inert::name),
        journal: inputs.journal.to_vec(),
        judged_otherwise: inputs.judged_otherwise,
        calendar: Vec::new(),
        fresh: movement::fresh_changes(inputs),
        figures: Vec::new(),
    };
    report.calendar = calendar::events(&report.campaigns, &report.tokens, inputs);
    report.figures = figures::found(&report, inputs);
    report
}

/// In the order of the configuration, that of app passwords first: reports open with it, and mails are named after it.
fn campaigns(inputs: &Inputs<'_>) -> Vec<CampaignReport> {
    let mut found: Vec<&CampaignFindings> = inputs.findings.campaigns.iter().collect();
    found.sort_by_key(|found| !found.campaign.retires_app_passwords());
    found.into_iter().map(|found| campaign(inputs, found)).collect()
}

fn campaign(inputs: &Inputs<'_>, found: &CampaignFindings) -> CampaignReport {
    let now = inputs.findings.now;
    let campaign = &found.campaign;
    let integrations: Vec<IntegrationRow> =
        found.integrations.iter().map(|i| rows::integration(i, campaign, inputs.clients, now)).collect();
    let waivers = waivers(inputs, &integrations, inputs.findings.today());
    let counts = counts(&integrations, &waivers);
    let forecast = forecast::report(inputs, found);
    // As in the judgement: the end of the day before the removal still lies before it.
    let removed = campaign.removed_at(now.as_millisecond() - 1);
    let first_look = first_look(inputs.ledger);
    // What is looked at first right now is looked at; the end of a day lies behind that day's last instant.
    let reaches_back_to = first_look.filter(|look| *look > now || (inputs.looking_back && *look == now));
    let windows: Vec<WindowRow> = found.windows.iter().map(|next| rows::window(next, &integrations, now)).collect();
    CampaignReport {
        id: campaign.id.clone(),
        name: campaign.name.clone(),
        noun: campaign.words.many.clone(),
        words: campaign.words.clone(),
        documentation: campaign.documentation.clone(),
        advice: campaign.advice.clone().unwrap_or_default(),
        freeze: campaign.freeze,
        removal: campaign.removal,
        removed,
        days_left: days_between(now, campaign.removal),
        moved: campaign.moved.iter().map(|m| MovedRow { was: m.was, reason: inert::sentence(&m.reason) }).collect(),
        blind: integrations.is_empty() && (first_look.is_none() || reaches_back_to.is_some()),
        reaches_back_to,
        has_steps: campaign.advice.is_none(),
        movement: movement::since_last_digest(inputs, &campaign.id, &integrations, counts.remaining),
        counts,
        teams: teams(&integrations, removed),
        blockers: blockers(&integrations, removed, &forecast.moves),
        window_hours: rhythms::hours_of(&windows),
        windows,
        uses_by_hour: rhythms::by_hour(&integrations),
        all_windows: campaign.windows.clone(),
        burndown: burndown(inputs, found),
        forecast,
        waivers,
        integrations,
    }
}

/// Where what was read of sources that can show credentials begins. A report of an earlier day, or by an earlier clock, lies
/// before it.
fn first_look(ledger: &Ledger) -> Option<Timestamp> {
    let shows = ledger.sources.iter().filter(|(source, _)| shows_credentials(source));
    let looked = shows.flat_map(|(_, intervals)| intervals).filter(|interval| interval.state.looked());
    looked.map(|interval| interval.from_ms).min().map(time::instant)
}

/// A count of rows; no list in this document comes near the limit of the type.
pub(super) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

pub(super) fn counts(integrations: &[IntegrationRow], waivers: &[WaiverRow]) -> Counts {
    let of = |wanted: &dyn Fn(&IntegrationRow) -> bool| count(integrations.iter().filter(|i| wanted(i)));
    let in_status = |status: Status| of(&|i| i.status == status);
    let mut users: Vec<&str> = integrations.iter().filter(|i| i.status.remaining()).map(|i| i.user.as_str()).collect();
    users.retain(|user| !user.is_empty());
    users.sort_unstable();
    users.dedup();
    Counts {
        remaining: of(&|i| i.status.remaining()),
        known: of(&|i| i.status.remaining() && i.known),
        possible: of(&|i| i.status.remaining() && !i.known),
        users_remaining: count(users.iter()),
        machines: of(&|i| i.status.remaining() && i.machine == Some(true)),
        people: of(&|i| i.status.remaining() && i.machine == Some(false)),
        kind_unknown: of(&|i| i.status.remaining() && i.machine.is_none()),
        active: in_status(Status::Active),
        failing: in_status(Status::Failing),
        migrating: in_status(Status::Migrating),
        quiet: in_status(Status::Quiet),
        stale: in_status(Status::Stale),
        migrated: in_status(Status::Migrated),
        retired: in_status(Status::Retired),
        overdue: of(&|i| i.overdue),
        unowned: of(&|i| i.status.remaining() && i.owner.is_empty()),
        returned: of(&|i| i.returned),
        waived: of(&|i| i.waived),
        waivers_expiring: count(waivers.iter().filter(|w| w.days_left <= WAIVER_NOTICE_DAYS)),
        window_only: of(&|i| i.window_only && i.status.remaining()),
        contradictions: of(&|i| i.contradiction),
        leavers: of(&|i| i.status.remaining() && i.leaver),
        ambiguous_names: of(&|i| i.status.remaining() && i.name_state == NameState::Ambiguous),
        unresolved_names: of(&|i| i.status.remaining() && i.name_state == NameState::Unresolved),
        shared_secrets: of(&|i| i.status.remaining() && !i.secret_shared_with.is_empty()),
    }
}

/// The waivers that hold now, for integrations of this campaign, the first to end first.
fn waivers(inputs: &Inputs<'_>, integrations: &[IntegrationRow], today: Day) -> Vec<WaiverRow> {
    let holds = |w: &&Waiver| {
        w.holds_on(today) && integrations.iter().any(|i| i.integration == w.integration || i.former_ids.contains(&w.integration))
    };
    let mut rows: Vec<WaiverRow> = inputs.policy.waivers.iter().filter(holds).map(|w| waiver(w, today)).collect();
    rows.sort_by(|a, b| (a.until, &a.integration).cmp(&(b.until, &b.integration)));
    rows
}

fn waiver(waiver: &Waiver, today: Day) -> WaiverRow {
    WaiverRow {
        integration: inert::name(&waiver.integration),
        until: waiver.until,
        days_left: Day::from_date(waiver.until).0 - today.0,
        requester: inert::name(&waiver.requester),
        approver: inert::name(&waiver.approver),
        ticket: inert::name(&waiver.ticket),
        reason: inert::sentence(&waiver.reason),
    }
}

/// The tightest first: who has the fewest days to its latest safe start; after the removal, who has the most to repair.
fn teams(integrations: &[IntegrationRow], removed: bool) -> Vec<TeamRow> {
    let mut teams: BTreeMap<&str, TeamRow> = BTreeMap::new();
    for row in integrations.iter().filter(|i| i.status.remaining()) {
        let team = teams.entry(&row.owner).or_insert_with(|| TeamRow {
            owner: row.owner.clone(),
            remaining: 0,
            failing: 0,
            overdue: 0,
            lead_time_days: 0,
            latest_safe_start: row.latest_safe_start,
            start_in_days: row.start_in_days,
            time: TeamTime::Fine,
        });
        team.remaining += 1;
        team.failing += u32::from(row.status == Status::Failing);
        team.overdue += u32::from(row.overdue);
        team.lead_time_days = team.lead_time_days.max(days_between(row.latest_safe_start, row.deadline));
        team.latest_safe_start = team.latest_safe_start.min(row.latest_safe_start);
        team.start_in_days = team.start_in_days.min(row.start_in_days);
    }
    let mut teams: Vec<TeamRow> = teams.into_values().map(|team| TeamRow { time: time(&team), ..team }).collect();
    let urgency = |team: &TeamRow| if removed { -i64::from(team.failing) } else { i64::from(team.start_in_days) };
    teams.sort_by(|a, b| (urgency(a), b.remaining, &a.owner).cmp(&(urgency(b), a.remaining, &b.owner)));
    teams
}

fn time(team: &TeamRow) -> TeamTime {
    match team {
        _ if team.overdue > 0 => TeamTime::TooLate,
        _ if team.start_in_days <= SOON_DAYS => TeamTime::Soon,
        _ => TeamTime::Fine,
    }
}

/// One client in one team's hands, the largest number of remaining integrations first; after the removal, of failing ones.
fn blockers(integrations: &[IntegrationRow], removed: bool, moves: &[MoveRow]) -> Vec<BlockerRow> {
    let mut groups: BTreeMap<(&str, &str), Vec<&IntegrationRow>> = BTreeMap::new();
    for row in integrations.iter().filter(|i| i.status.remaining() && !i.waived) {
        groups.entry((&row.client_name, &row.owner)).or_default().push(row);
    }
    let mut blockers: Vec<BlockerRow> =
        groups.into_iter().map(|((client, owner), rows)| blocker(client, owner, &rows, removed, moves)).collect();
    blockers.sort_by(|a, b| {
        let size = |blocker: &BlockerRow| (if removed { blocker.failing } else { 0 }, blocker.remaining, blocker.uses_30d);
        (size(b), &a.client_name, &a.owner).cmp(&(size(a), &b.client_name, &b.owner))
    });
    blockers.truncate(MAX_BLOCKERS);
    blockers
}

fn blocker(client: &str, owner: &str, rows: &[&IntegrationRow], removed: bool, moves: &[MoveRow]) -> BlockerRow {
    let overdue = count(rows.iter().filter(|r| r.overdue));
    let failing = count(rows.iter().filter(|r| r.status == Status::Failing));
    let start = rows.iter().map(|r| r.latest_safe_start).min().unwrap_or_default();
    let decision = if owner.is_empty() {
        "Name an owner: nobody has been asked yet.".to_owned()
    } else if removed && failing > 0 {
        let failing = if failing == 1 { "one that fails".to_owned() } else { format!("{failing} that fail") };
        format!("Repair the {failing} now, or accept the outage.")
    } else if removed {
        "Say whether it still runs: move it, or close it.".to_owned()
    } else if overdue > 0 {
        let days = rows.iter().map(|r| (days_between(r.latest_safe_start, r.deadline), r.start_in_days)).max();
        let (needed, start_in) = days.unwrap_or_default();
        format!(
            "Needs {}, {} are left: shorten the change, or accept the outage of {overdue}.",
            words::counted(needed, "day"),
            needed + start_in
        )
    } else {
        format!("Confirm a start by {}.", words::day(start))
    };
    BlockerRow {
        client_name: client.to_owned(),
        owner: owner.to_owned(),
        remaining: count(rows.iter()),
        failing,
        overdue,
        uses_30d: sum(rows.iter().map(|r| r.uses_30d)),
        effect: moves.iter().find(|it| it.client_name == client && it.owner == owner).map(|it| it.effect),
        decision,
    }
}

fn burndown(inputs: &Inputs<'_>, found: &CampaignFindings) -> Vec<BurndownRow> {
    let campaign = &found.campaign.id;
    let reported: BTreeMap<Day, &ReportedDay> =
        inputs.reported.get(campaign).into_iter().flatten().map(|reported| (reported.day, reported)).collect();
    // Of one day's forecasts the last one is that of the removal, and stays.
    let forecasts: BTreeMap<Day, Quantiles<u32>> =
        inputs.forecasts.get(campaign).into_iter().flatten().map(|made| (made.day, made.quantiles)).collect();
    let row = |d: &BurndownDay| BurndownRow {
        campaign: campaign.clone(),
        date: d.day,
        remaining: d.remaining,
        remaining_known: d.remaining_known,
        remaining_as_reported: reported.get(&d.day).map(|reported| reported.remaining),
        observed_share: d.observed.or_else(|| reported.get(&d.day)?.observed).and_then(Share::ratio),
        active: d.active,
        failing: d.failing,
        migrating: d.migrating,
        stale: d.stale,
        quiet: d.quiet,
        migrated: d.migrated,
        retired: d.retired,
        users_remaining: d.users_remaining,
        uses: d.uses,
        rejected: d.rejected,
        forecast_p10: forecasts.get(&d.day).map(|q| q.p10),
        forecast_p50: forecasts.get(&d.day).map(|q| q.p50),
        forecast_p90: forecasts.get(&d.day).map(|q| q.p90),
    };
    found.burndown.iter().map(row).collect()
}

fn expiring(inputs: &Inputs<'_>, tokens: &[TokenRow]) -> Expiring {
    let horizon_days = inputs.policy.expiry_horizon_days;
    let own = |t: &&TokenRow| t.listed_by == rows::OWN && t.days_left.is_some_and(|d| d <= OWN_NOTICE_DAYS);
    let soon = |t: &&TokenRow| rows::ends_within(t, horizon_days);
    Expiring {
        horizon_days,
        blind: expiries::blind(inputs, tokens),
        count: count(tokens.iter().filter(soon)),
        tokens: tokens.iter().filter(soon).take(MAX_EXPIRING).cloned().collect(),
        own: tokens.iter().filter(own).take(MAX_EXPIRING).cloned().collect(),
    }
}

/// One row a message, in the order in which they were given up, the newest first.
fn undelivered(lost: &[Undelivered]) -> Vec<UndeliveredRow> {
    let mut rows: Vec<UndeliveredRow> = Vec::new();
    for lost in lost {
        let same =
            |row: &&mut UndeliveredRow| (&row.channel, &row.audience, row.due) == (&lost.channel, &lost.audience, lost.due);
        match rows.iter_mut().find(same) {
            Some(row) => row.recipients += 1,
            None => rows.push(UndeliveredRow {
                channel: lost.channel.clone(),
                audience: inert::name(&lost.audience),
                due: lost.due,
                recipients: 1,
                failure: inert::sentence(&lost.failure),
            }),
        }
    }
    rows
}

fn failing(part: &FailingPart) -> FailingRow {
    FailingRow { part: inert::name(&part.part), since: part.since, reason: inert::sentence(&part.reason) }
}

fn unknown(inputs: &Inputs<'_>) -> Vec<UnknownRow> {
    let mut rows: Vec<UnknownRow> = inputs
        .unknown
        .iter()
        .map(|u| UnknownRow { field: inert::name(&u.field), value: inert::name(&u.value), count: u.count })
        .collect();
    rows.sort_by(|a, b| (b.count, &a.field, &a.value).cmp(&(a.count, &b.field, &b.value)));
    rows.truncate(MAX_UNKNOWN);
    rows
}

fn blind_spots(inputs: &Inputs<'_>) -> Vec<BlindSpotRow> {
    inputs
        .blind_spots
        .iter()
        .take(MAX_BLIND_SPOTS)
        .map(|b| BlindSpotRow { name: inert::name(&b.name), reason: inert::sentence(&b.reason) })
        .collect()
}
