//! What was judged: the ids of integrations, where each stood, what changed, what was reported.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::{Reader, StoreError, Writer, convert::word};
use crate::{
    analysis::{
        self, BurndownDay, Change, ChangeCause, Findings, IntegrationKey, KnownIntegration, Recorded, ReportedDay, Share,
        findings::Statuses, forecast::Quantiles,
    },
    evidence::{Day, Origin, Status, time::instant},
};

const REMEMBER_KEY: &str = include_str!("../../sql/queries/judgement/remember_key.sql");
const PUT_STATUS: &str = include_str!("../../sql/queries/judgement/put_status.sql");
const DELETE_STATUS: &str = include_str!("../../sql/queries/judgement/delete_status.sql");
const LIST_STATUSES_OF: &str = include_str!("../../sql/queries/judgement/list_statuses_of.sql");
const INSERT_CHANGE: &str = include_str!("../../sql/queries/judgement/insert_change.sql");
const PUT_REPORTED_DAY: &str = include_str!("../../sql/queries/judgement/put_reported_day.sql");
const DELETE_FORECAST: &str = include_str!("../../sql/queries/judgement/delete_forecast.sql");
const INSERT_FORECAST: &str = include_str!("../../sql/queries/judgement/insert_forecast.sql");
const LIST_INTEGRATION_KEYS: &str = include_str!("../../sql/queries/report/list_integration_keys.sql");
const FIND_LAST_CHANGE: &str = include_str!("../../sql/queries/judgement/find_last_change.sql");
const LIST_STATUSES: &str = include_str!("../../sql/queries/report/list_statuses.sql");
const LIST_CHANGES: &str = include_str!("../../sql/queries/report/list_changes.sql");
const LIST_REPORTED_DAYS: &str = include_str!("../../sql/queries/report/list_reported_days.sql");
const LIST_FORECASTS: &str = include_str!("../../sql/queries/report/list_forecasts.sql");

impl Writer<'_> {
    /// Keeps which integration each key stands for, the last of an integration being the one it goes by. A key that stood
    /// for another one stands for this one from now on.
    pub fn remember_keys(&mut self, keys: &[IntegrationKey], now: Timestamp) -> Result<(), StoreError> {
        let mut remember = self.connection.prepare_cached(REMEMBER_KEY)?;
        for IntegrationKey { id, user, client, origin } in keys {
            remember.execute(named_params! {
                ":integration": id,
                ":user": user,
                ":client": client,
                ":origin_kind": origin.kind(),
                ":origin": origin.text(),
                ":now_ms": now.as_millisecond(),
            })?;
        }
        Ok(())
    }

    /// Records one judgement of a campaign: its statuses replace those of the judgement before, the changes are added,
    /// and the number remaining, where there is any evidence, stands as reported for its day. Statuses of other campaigns are left out.
    pub fn record_judgement(
        &mut self,
        campaign: &str,
        statuses: &Statuses,
        changes: &[Change],
        reported: Option<&BurndownDay>,
    ) -> Result<(), StoreError> {
        self.replace_statuses(campaign, statuses)?;
        let mut insert = self.connection.prepare_cached(INSERT_CHANGE)?;
        for change in changes {
            insert.execute(named_params! {
                ":day": change.day.0,
                ":campaign": change.campaign,
                ":integration": change.integration,
                ":from_status": change.from.map_or("", Status::as_str),
                ":to_status": change.to.map_or("", Status::as_str),
                ":cause": change.cause.as_str(),
                ":reason": change.reason,
            })?;
        }
        let Some(reported) = reported else { return Ok(()) };
        self.connection.prepare_cached(PUT_REPORTED_DAY)?.execute(named_params! {
            ":campaign": campaign,
            ":day": reported.day.0,
            ":remaining": reported.remaining,
            ":active": reported.observed.map(|share| share.whole),
            ":observed": reported.observed.map(|share| share.part),
        })?;
        Ok(())
    }

    /// Records a judgement of every campaign.
    pub fn record_findings(&mut self, findings: &Findings, changes: &[Change]) -> Result<(), StoreError> {
        let statuses = analysis::statuses(findings);
        for found in &findings.campaigns {
            let of = |campaign: &String| *campaign == found.campaign.id;
            let statuses = statuses.iter().filter(|((c, _), _)| of(c)).map(|(key, status)| (key.clone(), *status)).collect();
            let changes: Vec<Change> = changes.iter().filter(|change| of(&change.campaign)).cloned().collect();
            let today = found.burndown.last();
            self.record_judgement(&found.campaign.id, &statuses, &changes, today)?;
            if let Some(today) = today {
                self.record_forecast(&found.campaign.id, today.day, found.forecast.to_record())?;
            }
        }
        Ok(())
    }

    /// Keeps what was forecast on a day; the last forecast of a day stands.
    pub fn record_forecast(&mut self, campaign: &str, day: Day, forecast: &[Recorded]) -> Result<(), StoreError> {
        self.connection.prepare_cached(DELETE_FORECAST)?.execute(named_params! { ":campaign": campaign, ":day": day.0 })?;
        let mut insert = self.connection.prepare_cached(INSERT_FORECAST)?;
        for Recorded { target, quantiles, zero_probability, .. } in forecast {
            insert.execute(named_params! {
                ":campaign": campaign,
                ":day": day.0,
                ":target_day": target.0,
                ":p10": quantiles.p10,
                ":p50": quantiles.p50,
                ":p90": quantiles.p90,
                ":zero_probability": zero_probability,
            })?;
        }
        Ok(())
    }

    /// Whether the last recorded judgement is still the one that left these statuses, and this change as its last.
    pub fn is_judged(&self, statuses: &Statuses, last_change: i64) -> Result<bool, StoreError> {
        Ok(self::last_change(self.connection)? == last_change && self::statuses(self.connection)? == *statuses)
    }

    fn replace_statuses(&self, campaign: &str, statuses: &Statuses) -> Result<(), StoreError> {
        let now: BTreeMap<&str, Status> =
            statuses.iter().filter(|((c, _), _)| c == campaign).map(|((_, i), status)| (i.as_str(), *status)).collect();
        let mut list = self.connection.prepare_cached(LIST_STATUSES_OF)?;
        let before = list.query_map(named_params! { ":campaign": campaign }, |row| row.get(0))?;
        let before: Vec<String> = before.collect::<Result<_, _>>()?;
        let mut delete = self.connection.prepare_cached(DELETE_STATUS)?;
        for integration in before.iter().filter(|integration| !now.contains_key(integration.as_str())) {
            delete.execute(named_params! { ":campaign": campaign, ":integration": integration })?;
        }
        let mut put = self.connection.prepare_cached(PUT_STATUS)?;
        for (integration, status) in now {
            let values = named_params! { ":campaign": campaign, ":integration": integration, ":status": status.as_str() };
            put.execute(values)?;
        }
        Ok(())
    }
}

impl Reader {
    /// Every integration that ever had an id, in the order in which they became known, with the keys that stand for it in
    /// the order in which they were remembered last.
    pub fn known_integrations(&self) -> Result<Vec<KnownIntegration>, StoreError> {
        let mut known: BTreeMap<String, KnownIntegration> = BTreeMap::new();
        let mut statement = self.connection.prepare_cached(LIST_INTEGRATION_KEYS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, first_id, since): (String, String, _) = (row.get(0)?, row.get(1)?, instant(row.get(6)?));
            let origin = Origin::parse(&row.get::<_, String>(4)?, &row.get::<_, String>(5)?);
            let key = IntegrationKey { id: id.clone(), user: row.get(2)?, client: row.get(3)?, origin };
            let integration = known.entry(id.clone()).or_insert_with(|| KnownIntegration {
                id: id.clone(),
                since,
                keys: Vec::new(),
                former_ids: Vec::new(),
            });
            integration.since = integration.since.min(since);
            integration.keys.push(key);
            if first_id != id && !integration.former_ids.contains(&first_id) {
                integration.former_ids.push(first_id);
            }
        }
        let mut known: Vec<KnownIntegration> = known.into_values().collect();
        known.sort_by_key(|integration| integration.since);
        Ok(known)
    }

    /// Where each integration of each campaign stood in the last recorded judgement.
    pub fn statuses(&self) -> Result<Statuses, StoreError> {
        statuses(&self.connection)
    }

    /// The number of the change that was recorded last; 0 where none was.
    pub fn last_change(&self) -> Result<i64, StoreError> {
        last_change(&self.connection)
    }

    /// Every change in the order in which it was recorded: a reader who knows how many there were knows which are new.
    pub fn changes(&self) -> Result<Vec<Change>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_CHANGES)?;
        let rows = statement.query_map([], change)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every forecast of a campaign as it was made, sorted by day, then the day that it is for.
    pub fn forecasts(&self, campaign: &str) -> Result<Vec<Recorded>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_FORECASTS)?;
        let rows = statement.query_map(named_params! { ":campaign": campaign }, recorded)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What was reported of a campaign on each day, sorted by day; the last report of a day stands.
    pub fn reported(&self, campaign: &str) -> Result<Vec<ReportedDay>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_REPORTED_DAYS)?;
        let rows = statement.query_map(named_params! { ":campaign": campaign }, reported)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn statuses(connection: &Connection) -> Result<Statuses, StoreError> {
    let mut statement = connection.prepare_cached(LIST_STATUSES)?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), word(row, 2, Status::parse)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn last_change(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached(FIND_LAST_CHANGE)?.query_row([], |row| row.get(0))?)
}

fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    Ok(Recorded {
        day: Day(row.get(0)?),
        target: Day(row.get(1)?),
        quantiles: Quantiles { p10: row.get(2)?, p50: row.get(3)?, p90: row.get(4)? },
        zero_probability: row.get(5)?,
    })
}

fn reported(row: &Row<'_>) -> rusqlite::Result<ReportedDay> {
    let (active, observed): (Option<u32>, Option<u32>) = (row.get(2)?, row.get(3)?);
    let share = active.zip(observed).map(|(whole, part)| Share { part, whole });
    Ok(ReportedDay { day: Day(row.get(0)?), remaining: row.get(1)?, observed: share })
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    Ok(Change {
        day: Day(row.get(0)?),
        campaign: row.get(1)?,
        integration: row.get(2)?,
        from: optional_status(row, 3)?,
        to: optional_status(row, 4)?,
        cause: word(row, 5, ChangeCause::parse)?,
        reason: row.get(6)?,
    })
}

fn optional_status(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Status>> {
    if row.get_ref(column)?.as_str()?.is_empty() { Ok(None) } else { word(row, column, Status::parse).map(Some) }
}
