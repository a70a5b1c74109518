//! The judgement: read what is recorded, assess it, record what changed, build the report.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::task::spawn_blocking;

use super::{
    Engine, Options, changed, cores,
    explain::Basis,
    freshness::{self, Budgets},
    pages,
};
use crate::{
    analysis::{
        self, Anew, CampaignFindings, Change, Findings, Inputs as Evidence, KnownIntegration, Reclassified, Recorded,
        ReportedDay, Silence, Statuses, Who, assess, reclassified,
    },
    deliver::files,
    evidence::{ClientCatalogue, Day, History, Ledger, Roster, UnknownTotal, journal::JournalEntry},
    report::{
        self, Alarm, Audience, FailingPart, Figure, Inputs, Late, Letter, Notice, People, Previous, Report, ToldEvent,
        Undelivered, event, privacy::HandOver,
    },
    serve::{Document, Files, OnDemand},
    store::{GivenUp, NewMessage, Reader as StoreReader, Store, StoreError, Writer},
};

/// One consistent snapshot of everything that a judgement and its report need.
pub(super) struct Material {
    pub(super) history: History,
    pub(super) roster: Roster,
    ledger: Ledger,
    pub(super) known: Vec<KnownIntegration>,
    statuses: Statuses,
    /// The number of the last of the recorded changes.
    last_change: i64,
    changes: Vec<Change>,
    reported: BTreeMap<String, Vec<ReportedDay>>,
    /// As they were made; of today's campaign as they are made now.
    forecasts: BTreeMap<String, Vec<Recorded>>,
    previous: Option<Previous>,
    undelivered: Vec<Undelivered>,
    sources: Vec<report::SourceLine>,
    failing: Vec<FailingPart>,
    journal: Vec<JournalEntry>,
    judged_otherwise: u64,
    told_events: BTreeMap<String, ToldEvent>,
    /// So many of the changes, the last ones, were found just now.
    fresh: usize,
    /// What is read is of a day that is over.
    looking_back: bool,
    /// What pseudonyms are made with.
    pub(super) people_key: Vec<u8>,
}

impl Material {
    /// Today's number and forecast, so that the report about them already has them in its series.
    fn note_reported(&mut self, findings: &Findings) {
        for found in &findings.campaigns {
            let Some(today) = found.burndown.last() else { continue };
            let days = self.reported.entry(found.campaign.id.clone()).or_default();
            days.retain(|reported| reported.day != today.day);
            days.push(ReportedDay { day: today.day, remaining: today.remaining, observed: today.observed });
            let forecasts = self.forecasts.entry(found.campaign.id.clone()).or_default();
            forecasts.retain(|forecast| forecast.day != today.day);
            forecasts.extend(found.forecast.to_record());
        }
    }

    /// Reads everything up to an instant.
    pub(super) fn read(store: &StoreReader, options: &Options, budgets: &Budgets, now: Timestamp) -> Result<Self, StoreError> {
        let until = Day::of_ms(now.as_millisecond() - 1);
        let reported = options.campaigns.iter().map(|c| Ok((c.id.clone(), store.reported(&c.id)?)));
        let mut reported: BTreeMap<_, Vec<_>> = reported.collect::<Result<_, StoreError>>()?;
        for days in reported.values_mut() {
            days.retain(|reported| reported.day <= until);
        }
        let forecasts = options.campaigns.iter().map(|c| Ok((c.id.clone(), store.forecasts(&c.id)?)));
        let mut forecasts: BTreeMap<_, Vec<_>> = forecasts.collect::<Result<_, StoreError>>()?;
        for made in forecasts.values_mut() {
            made.retain(|forecast| forecast.day <= until);
        }
        let mut changes = store.changes()?;
        changes.retain(|change| change.day <= until);
        let previous = previous(store, options, now)?;
        Ok(Self {
            history: store.history(until)?,
            roster: store.roster(now)?,
            ledger: store.ledger()?.until(now.as_millisecond()),
            known: store.known_integrations()?,
            statuses: store.statuses()?,
            last_change: store.last_change()?,
            changes,
            reported,
            forecasts,
            undelivered: undelivered(store, previous.as_ref(), now)?,
            previous,
            sources: freshness::source_lines(store, options, budgets, now)?,
            failing: Vec::new(),
            journal: journal(store, now)?,
            judged_otherwise: store.items_judged_otherwise(&options.fingerprint())?,
            told_events: store.told_events()?,
            fresh: 0,
            looking_back: false,
            people_key: store.people_key()?,
        })
    }

    fn inputs<'a>(&'a self, options: &'a Options, now: Timestamp) -> Evidence<'a> {
        Evidence {
            now,
            history: &self.history,
            roster: &self.roster,
            ledger: &self.ledger,
            clients: &options.catalogue,
            campaigns: &options.campaigns,
            policy: &options.policy,
            known: &self.known,
            cores: cores(),
            id_key: if options.privacy.pseudonyms { &self.people_key } else { &[] },
        }
    }

    pub(super) fn assess(&self, options: &Options, now: Timestamp) -> Findings {
        assess(&self.inputs(options, now))
    }

    /// What people are shown by, unless it is their names.
    pub(super) fn people<'a>(&'a self, options: &'a Options) -> Option<People<'a>> {
        let machines = options.privacy.pseudonyms.then_some(&options.privacy.machines)?;
        Some(People { key: &self.people_key, roster: &self.roster, machines })
    }

    /// What people are called in files for other instances, unless it is by their names.
    pub(super) fn hand_over(&self, findings: &Findings, options: &Options) -> Option<HandOver> {
        let people = self.people(options)?;
        Some(HandOver::new(&people, findings, &options.policy, Who::new(&self.history, &self.roster)))
    }

    /// What is different when everything that is kept is judged anew.
    pub(super) fn reclassified(&self, options: &Options, anew: Anew, now: Timestamp) -> Reclassified {
        reclassified(&self.inputs(options, now), anew)
    }

    /// Values of fields that nobody has explained.
    pub(super) fn unknown(&self) -> &[UnknownTotal] {
        &self.history.unknown
    }

    /// The report of a judgement that is about to be recorded, which has its own changes, number and forecast in its series.
    pub(super) fn report_of(&mut self, findings: &Findings, changes: &[Change], options: &Options, late: Option<Late>) -> Report {
        self.changes.extend(changes.iter().cloned());
        self.fresh = changes.len();
        self.note_reported(findings);
        self.report(findings, options, late)
    }

    /// Whether no other judgement was recorded since this was read.
    pub(super) fn is_last(&self) -> impl Fn(&Writer<'_>) -> Result<bool, StoreError> + Send + use<> {
        let (statuses, last_change) = (self.statuses.clone(), self.last_change);
        move |w| w.is_judged(&statuses, last_change)
    }

    fn report(&self, findings: &Findings, options: &Options, late: Option<Late>) -> Report {
        report::build(Inputs {
            findings,
            policy: &options.policy,
            expiries: &options.expiries,
            clients: &options.catalogue,
            ledger: &self.ledger,
            changes: &self.changes,
            reported: &self.reported,
            forecasts: &self.forecasts,
            previous: self.previous.as_ref(),
            looking_back: self.looking_back,
            late,
            undelivered: &self.undelivered,
            failing: &self.failing,
            sources: &self.sources,
            unknown: &self.history.unknown,
            own_credentials: &options.own_credentials,
            blind_spots: &options.blind_spots,
            organizations: &options.known_organizations(),
            timezone: &options.schedule.timezone,
            top: options.top,
            journal: &self.journal,
            judged_otherwise: self.judged_otherwise,
            told_events: &self.told_events,
            fresh: self.fresh,
            people: self.people(options),
        })
    }
}

/// What was journalled by then.
fn journal(store: &StoreReader, until: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
    let mut entries = store.journal()?;
    entries.retain(|entry| entry.at <= until);
    Ok(entries)
}

/// How often a judgement begins anew because somebody else has recorded one: commands judge once.
pub(super) const JUDGED_AT_MOST: usize = 5;

pub(super) const OTHERS_JUDGE: &str = "others judge again and again: end the commands that do";

/// Messages that were given up are told once; before the first digest, and to an operator who asks, those of so long ago.
pub(super) const GIVEN_UP_BEFORE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// More are not told one by one.
const MAX_GIVEN_UP: u32 = 200;

/// What was given up since the last digest.
fn undelivered(store: &StoreReader, previous: Option<&Previous>, now: Timestamp) -> Result<Vec<Undelivered>, StoreError> {
    let since = previous.map_or_else(|| now.saturating_sub(GIVEN_UP_BEFORE).unwrap_or(now), |previous| previous.sent_at);
    let row = |lost: GivenUp| Undelivered {
        channel: lost.channel,
        audience: lost.audience,
        due: lost.occurrence,
        failure: lost.failure,
    };
    Ok(store.given_up(since, now, MAX_GIVEN_UP)?.into_iter().map(row).collect())
}

/// What the readers of the digest were told last: by mail where there is one, else by the CSV package.
fn previous(store: &StoreReader, options: &Options, until: Timestamp) -> Result<Option<Previous>, StoreError> {
    let digest = options.deliveries().into_iter().find(|delivery| delivery.audience() == Some(&Audience::Security));
    digest.map_or(Ok(None), |delivery| store.told(delivery.channel(), &delivery.record(), until))
}

/// A judgement's report, what stands behind it, and what has to be remembered when somebody is told of it.
pub struct Judged {
    report: Arc<Report>,
    silences: Vec<Silence>,
    basis: Arc<Basis>,
    pub(super) told: Previous,
    clients: Arc<ClientCatalogue>,
    contact: String,
}

/// What the metrics say of a judgement.
#[derive(Debug, Default)]
pub struct Measured {
    pub(super) found: Vec<Figure>,
    pub(super) silences: Vec<Silence>,
}

impl Engine {
    /// Judges at `now`, and records what it found: keys of new integrations, changes of status, today's number.
    pub async fn judge(&self, now: Timestamp) -> anyhow::Result<Judged> {
        self.judge_for(now, None).await
    }

    /// As [`Engine::judge`], for a report that replaces ones that were due earlier.
    pub async fn judge_for(&self, now: Timestamp, late: Option<Late>) -> anyhow::Result<Judged> {
        for _ in 0..JUDGED_AT_MOST {
            if let Some(judged) = self.judge_once(now, late).await? {
                return Ok(judged);
            }
            tracing::debug!("somebody else has judged meanwhile");
        }
        anyhow::bail!(OTHERS_JUDGE)
    }

    /// None when somebody else has recorded a judgement meanwhile, such as a command beside the service: what has changed since
    /// the one before that was told by it.
    async fn judge_once(&self, now: Timestamp, late: Option<Late>) -> anyhow::Result<Option<Judged>> {
        let material = self.material(now).await?;
        let options = Arc::clone(&self.options);
        let (mut material, findings) = spawn_blocking(move || {
            let findings = material.assess(&options, now);
            (material, findings)
        })
        .await?;
        let options = Arc::clone(&self.options);
        let (material, findings, changes, report) = spawn_blocking(move || {
            let changes = analysis::changes(&material.statuses, &findings);
            let report = Arc::new(material.report_of(&findings, &changes, &options, late));
            (material, findings, changes, report)
        })
        .await?;
        let recorded = self.record_judgement(findings, changes, (&report, &material), now).await?;
        Ok(recorded.map(|findings| Judged::of(report, material, findings, Arc::clone(&self.options))))
    }

    /// As [`Engine::judge`], but nothing is recorded.
    pub async fn view(&self, now: Timestamp) -> anyhow::Result<Judged> {
        let options = Arc::clone(&self.options);
        let material = self.material(now).await?;
        Ok(spawn_blocking(move || Judged::new(material, options, now)).await?)
    }

    async fn material(&self, now: Timestamp) -> Result<Material, StoreError> {
        let (options, budgets) = (Arc::clone(&self.options), self.budgets());
        let material = self.store.read(move |r| Material::read(r, &options, &budgets, now)).await?;
        Ok(Material { failing: self.failing_parts(), ..material })
    }

    /// What a judgement tells programs at once: the collector every change, webhooks those of campaigns that were judged before.
    pub(super) fn messages_of(&self, report: &Report, material: &Material, now: Timestamp) -> Vec<NewMessage> {
        let begun: BTreeSet<&str> = material.statuses.keys().map(|(campaign, _)| campaign.as_str()).collect();
        let mut messages = self.options.event_messages(event::changes(report, |campaign| begun.contains(campaign)), now);
        if self.options.otel.is_some() {
            messages.extend(changed::messages(&self.options.exporting(), &report.fresh, now));
        }
        messages
    }

    async fn record_judgement(
        &self,
        findings: Findings,
        changes: Vec<Change>,
        (report, material): (&Arc<Report>, &Material),
        now: Timestamp,
    ) -> Result<Option<Findings>, StoreError> {
        let (report, told, is_last) = (Arc::clone(report), material.told_events.clone(), material.is_last());
        let messages = self.messages_of(&report, material, now);
        let write = move |w: &mut Writer<'_>| {
            if !is_last(w)? {
                return Ok(None);
            }
            w.remember_keys(&findings.new_keys, now)?;
            w.record_findings(&findings, &changes)?;
            w.remember_events(&report.calendar, &told, now)?;
            messages.iter().try_for_each(|message| w.enqueue(message, now).map(drop))?;
            Ok(Some(findings))
        };
        self.store.write(write).await
    }
}

/// A report from the store as it is, or as it stood at the end of a day; nothing is recorded.
pub async fn look(options: Options, as_of: Option<Day>, now: Timestamp) -> anyhow::Result<Judged> {
    let (today, now) = (now, as_of.map_or(now, |day| day.end().min(now)));
    let store = Store::open_read_only(&options.store)?;
    let options = Arc::new(options);
    let reading = Arc::clone(&options);
    let mut material = store.read(move |r| Material::read(r, &reading, &Budgets::new(), now)).await?;
    material.looking_back = now < today;
    Ok(spawn_blocking(move || Judged::new(material, options, now)).await?)
}

impl Judged {
    fn new(material: Material, options: Arc<Options>, now: Timestamp) -> Self {
        let findings = material.assess(&options, now);
        let report = Arc::new(material.report(&findings, &options, None));
        Self::of(report, material, findings, options)
    }

    /// Of a report that was built.
    fn of(report: Arc<Report>, material: Material, findings: Findings, options: Arc<Options>) -> Self {
        let remaining = |found: &CampaignFindings| found.burndown.last().map_or(0, |today| today.remaining);
        let told = Previous {
            sent_at: findings.now,
            remaining: findings.campaigns.iter().map(|found| (found.campaign.id.clone(), remaining(found))).collect(),
            changes: material.changes.len(),
        };
        let silences = findings.silences.clone();
        let (clients, contact) = (Arc::clone(&options.catalogue), options.contact().to_owned());
        Self { report, silences, basis: Arc::new(Basis::new(material, findings, options)), told, clients, contact }
    }

    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// The instant that it was judged from.
    pub fn seen_at(&self) -> Timestamp {
        self.report.now
    }

    /// The digest, the brief, or an owner's notice.
    pub fn letter(&self, audience: &Audience) -> Letter {
        match audience {
            Audience::Security => report::letter::digest(&self.report),
            Audience::Leadership => report::letter::brief(&self.report),
            Audience::Owner(name) => report::letter::notice(&self.notice(name), &self.contact),
        }
    }

    /// What one owner has to do.
    pub(super) fn notice(&self, owner: &str) -> Notice {
        report::notice::of(&self.report, owner, &self.clients)
    }

    /// Whether it got worse for the owner of a notice after so many recorded changes.
    pub(super) fn got_worse(&self, notice: &Notice, after: usize) -> bool {
        report::notice::got_worse(&self.report, notice, after)
    }

    /// Whether anything that was seen is an owner's.
    pub fn has_owner(&self, name: &str) -> bool {
        !self.notice(name).campaigns.is_empty()
    }

    /// The owner of the most that remains in the first campaign.
    pub fn busiest_owner(&self) -> Option<String> {
        let teams = self.report.campaigns.first()?.teams.iter().filter(|team| !team.owner.is_empty());
        teams.max_by_key(|team| team.remaining).map(|team| team.owner.clone())
    }

    /// For a terminal of so many columns.
    pub fn text(&self, audience: &Audience, width: usize) -> String {
        match audience {
            Audience::Security => report::text::summary(&self.report, width),
            Audience::Leadership | Audience::Owner(_) => self.letter(audience).text,
        }
    }

    pub fn html(&self, audience: &Audience) -> String {
        match audience {
            Audience::Security => report::html::page(&self.report),
            Audience::Leadership | Audience::Owner(_) => self.letter(audience).standalone_html(),
        }
    }

    /// Integrations that were done and are used again.
    pub fn returned(&self) -> Vec<Alarm> {
        report::alarm::returned(&self.report)
    }

    /// Dates for a calendar program.
    pub fn calendar(&self) -> String {
        report::calendar::document(&self.report.calendar)
    }

    /// The whole document for a program.
    pub fn json(&self) -> String {
        report::json::text(&*self.report)
    }

    /// What an audience may see of it.
    pub fn json_for(&self, audience: &Audience) -> String {
        match audience {
            Audience::Owner(name) => report::json::text(&self.notice(name)),
            Audience::Security | Audience::Leadership => self.json(),
        }
    }

    /// Writes the CSV package of the report's day below `directory`, and removes packages that are older than `keep_days`.
    pub fn write_package(&self, directory: &Path, keep_days: i32) -> anyhow::Result<PathBuf> {
        let names: Vec<&str> = report::csv::names().collect();
        let day = Day::of_ms(self.report.now.as_millisecond() - 1);
        let package = report::csv::Package::new(&self.report);
        let write = |name: &str, out: &mut dyn io::Write| package.write(name, out);
        files::write_package(directory, day, &names, &write, keep_days, Day::of(self.report.now))
    }

    /// The page, rendered once for all callers, and everything beside it; evidence behind a row is read from `store`.
    pub fn document(&self, store: &Store) -> Document {
        let (csv, json) = (Arc::clone(&self.report), Arc::clone(&self.report));
        Document {
            made_at: self.report.now,
            pages: pages::of(Arc::clone(&self.report), Arc::clone(&self.basis), store.clone()),
            page_html: Bytes::from(report::html::served_page(&self.report, &report::ranking::Query::default())),
            page_policy: report::html::content_security_policy(),
            report_json: OnDemand::new(move |out| report::json::write(&*json, out)),
            calendar: Bytes::from(self.calendar()),
            files: Files::new(report::csv::names(), move |name, out| report::csv::write(&csv, name, out)),
        }
    }

    /// What of it the metrics go on saying until the next judgement.
    pub fn measured(&self) -> Measured {
        Measured { found: self.report.figures.clone(), silences: self.silences.clone() }
    }
}
