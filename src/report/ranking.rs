//! Which rows of a ranking a reader of the page wants to see, and in which order.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeMap,
};

use url::form_urlencoded;

use super::{
    document::{CampaignReport, IntegrationRow},
    inert,
};
use crate::evidence::{Grade, Status, vocabulary::spelled};

/// Rows of one page: a browser shows them at once, and nobody reads more.
pub(super) const PAGE_ROWS: usize = 100;
/// Names that one list of choices offers; any other can be written into the address.
const MAX_CHOICES: usize = 500;
/// How integrations that nobody owns are asked for.
pub(super) const NOBODY: &str = "-";
/// How integrations of every status are asked for, those that have moved included.
const EVERY: &str = "all";

spelled!(
    /// What rows are sorted by.
    Sort {
        Rank = "rank",
        User = "user",
        Client = "client",
        Status = "status",
        Grade = "grade",
        Team = "team",
        Uses = "uses",
        LastSeen = "last_seen",
        Start = "start",
    }
);

/// What somebody asks of the ranking of one campaign. The default is the ranking itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its id; the first campaign where it is empty.
    campaign: String,
    words: String,
    /// None: what is ranked, which is what remains and what is stale.
    status: Option<String>,
    team: String,
    workspace: String,
    client: String,
    grade: Option<Grade>,
    sort: Option<Sort>,
    /// The other way round than one expects.
    reverse: bool,
    /// From 1 on; 0 is the first too.
    page: usize,
}

impl Query {
    /// From the parameters of an address.
    ///
    /// # Errors
    /// A sentence that says what is wrong, for whoever asked; what it repeats of the address, which anybody may have made up, is
    /// inert.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut query = Self::default();
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(format!("The parameter {name} stands there twice."));
            }
            query.take(name, value.trim())?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "campaign" => value.clone_into(&mut self.campaign),
            "q" => value.clone_into(&mut self.words),
            "team" => value.clone_into(&mut self.team),
            "workspace" => value.clone_into(&mut self.workspace),
            "client" => value.clone_into(&mut self.client),
            "status" if value == EVERY => self.status = Some(value.to_owned()),
            "status" => self.status = one_of(name, value, Status::ALL, Status::as_str)?.map(|status| status.as_str().to_owned()),
            "grade" => self.grade = one_of(name, value, Grade::ALL, Grade::as_str)?,
            "sort" => self.sort = one_of(name, value, Sort::ALL, Sort::as_str)?,
            "reverse" => {
                self.reverse = match value {
                    "" | "0" => false,
                    "1" => true,
                    _ => return Err(format!("The parameter reverse is 0 or 1, not {}.", inert::name(value))),
                }
            }
            "page" if value.is_empty() => {}
            "page" => {
                let number = value.parse::<u32>().ok().and_then(|number| usize::try_from(number).ok());
                self.page = number.ok_or_else(|| format!("The page {} is no number.", inert::name(value)))?;
            }
            _ => {
                return Err(format!(
                    "There is no parameter {}; there are campaign, q, status, team, workspace, client, grade, sort, reverse and page.",
                    inert::name(name)
                ));
            }
        }
        Ok(())
    }

    /// Whether it is about this campaign, the so-manieth of the report.
    pub(super) fn concerns(&self, id: &str, number: usize) -> bool {
        if self.campaign.is_empty() { number == 0 } else { self.campaign == id }
    }

    /// The same of another campaign.
    pub(super) fn of(&self, id: &str, number: usize) -> Self {
        if self.concerns(id, number) { Self { campaign: id.to_owned(), ..self.clone() } } else { Self::of_campaign(id) }
    }

    fn of_campaign(id: &str) -> Self {
        Self { campaign: id.to_owned(), ..Self::default() }
    }

    /// Whether it leaves rows out of the ranking.
    pub(super) fn chooses(&self) -> bool {
        let texts = [&self.words, &self.team, &self.workspace, &self.client];
        texts.iter().any(|text| !text.is_empty()) || self.status.is_some() || self.grade.is_some()
    }

    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let number = |page: usize| if page > 1 { page.to_string() } else { String::new() };
        let all = [
            ("campaign", self.campaign.clone()),
            ("q", self.words.clone()),
            ("status", self.status.clone().unwrap_or_default()),
            ("team", self.team.clone()),
            ("workspace", self.workspace.clone()),
            ("client", self.client.clone()),
            ("grade", self.grade.map(|grade| grade.as_str().to_owned()).unwrap_or_default()),
            ("sort", self.sort.map(|sort| sort.as_str().to_owned()).unwrap_or_default()),
            ("reverse", if self.reverse { "1".to_owned() } else { String::new() }),
            ("page", number(self.page)),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn address(&self) -> String {
        let parameters = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.parameters()).finish();
        format!("/?{parameters}")
    }

    /// The address of the same rows sorted by something; a second time turns the order round.
    pub(super) fn sorted(&self, sort: Sort) -> String {
        let again = self.sort.unwrap_or(Sort::Rank) == sort;
        Self { sort: Some(sort), reverse: again && !self.reverse, page: 0, ..self.clone() }.address()
    }

    pub(super) fn turned_to(&self, page: usize) -> String {
        Self { page, ..self.clone() }.address()
    }

    /// How a column stands, for those who do not see the arrow; empty where the rows are sorted by another.
    pub(super) fn direction(&self, sort: Sort) -> &'static str {
        let natural = !matches!(sort, Sort::Uses | Sort::LastSeen | Sort::Grade);
        match self.sort.unwrap_or(Sort::Rank) == sort {
            true if natural == self.reverse => "descending",
            true => "ascending",
            false => "",
        }
    }

    fn wants(&self, row: &IntegrationRow) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let owner = if row.owner.is_empty() { NOBODY } else { &row.owner };
        let has_status = match self.status.as_deref() {
            None => row.rank.is_some(),
            Some(EVERY) => true,
            Some(status) => row.status.as_str() == status,
        };
        has_status
            && self.grade.is_none_or(|grade| row.grade == grade)
            && is(&self.team, owner)
            && is(&self.client, &row.client)
            && (self.workspace.is_empty() || row.workspaces.contains(&self.workspace))
            && self.words.split_whitespace().all(|word| mentions(row, &word.to_lowercase()))
    }

    fn compare(&self, a: &IntegrationRow, b: &IntegrationRow) -> Ordering {
        let name =
            |row: &IntegrationRow| if row.user_name.is_empty() { row.user.to_lowercase() } else { row.user_name.to_lowercase() };
        let order = match self.sort.unwrap_or(Sort::Rank) {
            Sort::Rank => Ordering::Equal,
            Sort::User => name(a).cmp(&name(b)),
            Sort::Client => a.client_name.to_lowercase().cmp(&b.client_name.to_lowercase()),
            Sort::Status => urgency(a.status).cmp(&urgency(b.status)),
            Sort::Grade => b.grade.cmp(&a.grade),
            // What nobody owns stands first: it has to be claimed.
            Sort::Team => a.owner.to_lowercase().cmp(&b.owner.to_lowercase()),
            Sort::Uses => b.uses_30d.cmp(&a.uses_30d),
            Sort::LastSeen => b.last_seen.cmp(&a.last_seen),
            Sort::Start => a.latest_safe_start.cmp(&b.latest_safe_start),
        };
        let rank = |row: &IntegrationRow| (row.rank.is_none(), row.rank);
        let order = order.then_with(|| rank(a).cmp(&rank(b))).then_with(|| a.integration.cmp(&b.integration));
        if self.reverse { order.reverse() } else { order }
    }
}

/// Where all rows of a team stand.
pub(super) fn address_of_team(campaign: &str, team: &str) -> String {
    Query { team: team.to_owned(), status: Some(EVERY.to_owned()), ..Query::of_campaign(campaign) }.address()
}

/// The place of a status where rows are sorted by it: what breaks first stands first.
fn urgency(status: Status) -> u8 {
    match status {
        Status::Failing => 0,
        Status::Active => 1,
        Status::Migrating => 2,
        Status::Quiet => 3,
        Status::Stale => 4,
        Status::Migrated => 5,
        Status::Retired => 6,
    }
}

/// An optional value of a closed set.
fn one_of<T: Copy>(name: &str, value: &str, all: &[T], spelling: fn(T) -> &'static str) -> Result<Option<T>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let found = all.iter().copied().find(|one| spelling(*one) == value);
    let spelt = || all.iter().map(|one| spelling(*one)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| format!("There is no {name} {}; there are {}.", inert::name(value), spelt()))
}

/// Whether a row has a word in its names.
fn mentions(row: &IntegrationRow, word: &str) -> bool {
    let texts =
        [&row.integration, &row.user, &row.user_name, &row.user_email, &row.owner, &row.client, &row.client_name, &row.origin];
    let lists = row.repositories.iter().chain(&row.former_ids);
    texts.into_iter().chain(lists).any(|text| text.to_lowercase().contains(word))
}

/// The rows of one page.
pub(super) struct Selection<'a> {
    pub(super) rows: Vec<&'a IntegrationRow>,
    /// How many fit in all.
    pub(super) found: usize,
    /// The number of this page, from 1 on, and of all.
    pub(super) page: usize,
    pub(super) pages: usize,
}

pub(super) fn select<'a>(campaign: &'a CampaignReport, query: &Query) -> Selection<'a> {
    let mut rows: Vec<&IntegrationRow> = campaign.integrations.iter().filter(|row| query.wants(row)).collect();
    rows.sort_by(|a, b| query.compare(a, b));
    let found = rows.len();
    let pages = found.div_ceil(PAGE_ROWS).max(1);
    let page = query.page.clamp(1, pages);
    let rows = rows.into_iter().skip((page - 1) * PAGE_ROWS).take(PAGE_ROWS).collect();
    Selection { rows, found, page, pages }
}

/// What a list of choices offers: the value, the words, and whether it is chosen.
pub(super) type Choice = (String, String, bool);

pub(super) struct Choices {
    pub(super) statuses: Vec<Choice>,
    pub(super) teams: Vec<Choice>,
    pub(super) workspaces: Vec<Choice>,
    pub(super) clients: Vec<Choice>,
    pub(super) grades: Vec<Choice>,
}

/// What occurs among the rows of a campaign, and what the query asks for in any case.
pub(super) fn choices(campaign: &CampaignReport, query: &Query) -> Choices {
    let rows = &campaign.integrations;
    let same = |text: &str| (text.to_owned(), text.to_owned());
    let status = query.status.as_deref().unwrap_or_default();
    let grade = query.grade.map_or("", Grade::as_str);
    let owned = |row: &IntegrationRow| {
        if row.owner.is_empty() { (NOBODY.to_owned(), "nobody yet".to_owned()) } else { same(&row.owner) }
    };
    let mut statuses = offered(rows.iter().map(|row| same(row.status.as_str())), if status == EVERY { "" } else { status });
    statuses.push((EVERY.to_owned(), "all, also what has moved".to_owned(), status == EVERY));
    Choices {
        statuses,
        teams: offered(rows.iter().map(owned), &query.team),
        workspaces: offered(rows.iter().flat_map(|row| row.workspaces.iter().map(|name| same(name))), &query.workspace),
        clients: offered(rows.iter().map(|row| (row.client.clone(), row.client_name.clone())), &query.client),
        grades: offered(rows.iter().map(|row| same(row.grade.as_str())), grade),
    }
}

fn offered(found: impl Iterator<Item = (String, String)>, chosen: &str) -> Vec<Choice> {
    let mut all: BTreeMap<String, String> = found.filter(|(value, _)| !value.is_empty()).collect();
    if !chosen.is_empty() && !all.contains_key(chosen) {
        all.insert(chosen.to_owned(), chosen.to_owned());
    }
    let mut choices: Vec<Choice> = all.into_iter().map(|(value, words)| (value.clone(), words, value == chosen)).collect();
    choices.sort_by_key(|(_, words, chosen)| (Reverse(*chosen), words.to_lowercase()));
    choices.truncate(MAX_CHOICES);
    choices.sort_by_key(|(_, words, _)| words.to_lowercase());
    choices
}
