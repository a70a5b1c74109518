//! What stands behind a row: the evidence, the rule that graded each piece of it, what the integration's history lifted, and
//! what would change the verdict.
//!
//! The caller finds the subject ([`find()`]), gathers what the store still keeps of its tracks, and lets [`explain()`] put
//! both beside the judgement. Nothing is judged anew: each piece is shown to the same rules that counted it.

mod change;
mod find;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use jiff::Timestamp;

use super::days::sum;
use super::lift::{self, SecretKinds};
use super::{
    Classifier, Findings, Guess, Integration, IntegrationKey, KnownIntegration, Person, TokenFinding, UserFinding, guess,
};
use crate::evidence::{
    Campaign, ClientCatalogue, Credential, Day, DayCount, Grade, History, Member, Roster, Sighting, Steps, Track, Verdict,
    is_crowd, sighting::Text, time::instant,
};
pub use find::{Subject, Unknown, find};

/// The tracks that one integration is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its name, under the id that it has now.
    pub key: IntegrationKey,
    /// Indices into the tracks of the history [`as_judged()`].
    pub tracks: Vec<usize>,
    /// Those of them that leave something of it open, and fit nothing else.
    pub open: Vec<usize>,
}

impl Trace {
    fn holds_openly(&self, track: usize) -> bool {
        self.open.binary_search(&track).is_ok()
    }
}

/// One thing that was found in the store: a sighting that is kept, or that a track's sightings of a day are not.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Index into the tracks of the history [`as_judged()`].
    pub track: usize,
    pub day: Day,
    pub sighting: Option<Sighting<'static>>,
}

/// Everything that an explanation is made from.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    pub findings: &'a Findings,
    /// As it was judged.
    pub history: &'a History,
    pub roster: &'a Roster,
    pub known: &'a [KnownIntegration],
    pub clients: &'a ClientCatalogue,
    pub classifier: &'a Classifier,
    /// What the word of a source counts for at most, by its name.
    pub limits: &'a HashMap<String, Grade>,
    /// Newest first.
    pub gathered: &'a [Gathered],
}

/// Why a row says what it says.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub now: Timestamp,
    /// Set when a user was asked for.
    pub user: Option<ExplainedUser>,
    /// The integration that was asked for, or all of the user's, sorted by id.
    pub integrations: Vec<ExplainedIntegration>,
    /// Newest first.
    pub evidence: Vec<Evidence>,
    /// The rules that graded it, each once, sorted by id.
    pub rules: Vec<RuleWords>,
    /// Evidence that is left out; none when everything stands here.
    pub more: Option<More>,
}

#[derive(Clone, Debug)]
pub struct ExplainedUser {
    pub person: Person,
    pub finding: Option<UserFinding>,
    pub tokens: Vec<TokenFinding>,
    pub memberships: Vec<Member>,
}

#[derive(Clone, Debug)]
pub struct ExplainedIntegration {
    pub key: IntegrationKey,
    /// Every name that it went by, the present one included.
    pub names: Vec<IntegrationKey>,
    pub user: Person,
    /// One for each campaign that concerns it; without one nothing was seen of it that is being retired.
    pub verdicts: Vec<ExplainedVerdict>,
    /// What probably runs behind a client that names only its library.
    pub guess: Option<Guess>,
    /// Versions of its client in the evidence that stands here, newest use first.
    pub versions: Vec<SeenVersion>,
    /// None where nothing that it does is being retired.
    pub steps: Option<Steps>,
    /// The steps of what it is guessed to be.
    pub steps_if_guessed: Option<Steps>,
}

#[derive(Clone, Debug)]
pub struct ExplainedVerdict {
    pub campaign: Campaign,
    pub row: Integration,
    /// Sentences without a full stop.
    pub would_change: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenVersion {
    pub version: String,
    pub last_seen: Timestamp,
    /// Known not to be able to use the replacement.
    pub too_old: bool,
}

/// One piece of evidence, or all of a track's on one day where single pieces are not kept any more.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub integration: String,
    pub source: String,
    pub track: Track,
    /// None where only the counts are left.
    pub sighting: Option<Sighting<'static>>,
    pub first: Timestamp,
    pub last: Timestamp,
    pub uses: u64,
    /// As the present rules say.
    pub verdict: Verdict,
    pub rule: String,
    pub lifted: Option<Lifted>,
    /// It was counted otherwise when it was recorded: rules, catalogue or dates have changed since.
    pub recorded_otherwise: bool,
    /// It leaves open something of what its integration is, and fits nothing else.
    pub open: bool,
}

/// What an integration's history makes of evidence that by itself says less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    pub credential: Credential,
    pub grade: Grade,
    pub rule: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWords {
    pub id: String,
    pub reason: String,
}

/// What was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct More {
    pub uses: u64,
    pub oldest: Day,
}

/// The history as the judgement sees it: a name that changed hands has a track for each of its bearers.
pub fn as_judged<'a>(history: &'a History, roster: &Roster) -> Cow<'a, History> {
    super::assess::as_judged(history, roster)
}

/// The tracks behind a subject: indices into the tracks of the history as it was judged, sorted.
pub fn tracks_of(findings: &Findings, subject: &Subject) -> Vec<usize> {
    let mut tracks: Vec<usize> = traces_of(findings, subject).flat_map(|trace| trace.tracks.iter().copied()).collect();
    tracks.sort_unstable();
    tracks
}

fn traces_of<'a>(findings: &'a Findings, subject: &Subject) -> impl Iterator<Item = &'a Trace> {
    findings.traces.iter().filter(move |trace| match subject {
        Subject::Integration(id) => trace.key.id == *id,
        Subject::User(id) => trace.key.user == *id,
    })
}

/// Explains a subject.
pub fn explain(material: &Material<'_>, subject: &Subject) -> Explanation {
    let traces: Vec<&Trace> = traces_of(material.findings, subject).collect();
    let owners: HashMap<usize, &Trace> =
        traces.iter().flat_map(|trace| trace.tracks.iter().map(|track| (*track, *trace))).collect();
    let recorded = Recorded::new(material, owners.keys().copied());
    let mut evidence = Vec::new();
    for gathered in material.gathered {
        let Some(trace) = owners.get(&gathered.track) else { continue };
        match &gathered.sighting {
            Some(sighting) => evidence.push(piece(material, trace, gathered, sighting, &recorded)),
            None => evidence.extend(counted(material, trace, gathered, &recorded)),
        }
    }
    let mut integrations: Vec<_> = traces.iter().map(|trace| integration(material, trace, &evidence)).collect();
    integrations.sort_by(|a, b| a.key.id.cmp(&b.key.id));
    Explanation {
        now: material.findings.now,
        user: match subject {
            Subject::Integration(_) => None,
            Subject::User(id) => Some(user(material, id)),
        },
        more: recorded.beyond(&evidence),
        rules: rules(material, &evidence),
        integrations,
        evidence,
    }
}

/// The day counts of the tracks in question, and what is known of their secrets.
struct Recorded<'a> {
    history: &'a History,
    secrets: SecretKinds,
    by_track_and_day: BTreeMap<(usize, Day), Vec<DayCount>>,
}

impl<'a> Recorded<'a> {
    fn new(material: &Material<'a>, asked: impl Iterator<Item = usize>) -> Self {
        let history = material.history;
        let mut by_track_and_day: BTreeMap<(usize, Day), Vec<DayCount>> = BTreeMap::new();
        for track in asked {
            for count in history.counts.of(track) {
                by_track_and_day.entry((track, count.day)).or_default().push(count);
            }
        }
        let last = Day::of_ms(material.findings.now.as_millisecond() - 1);
        Self { history, secrets: SecretKinds::of(history, last), by_track_and_day }
    }

    fn on(&self, track: usize, day: Day) -> &[DayCount] {
        self.by_track_and_day.get(&(track, day)).map_or(&[][..], Vec::as_slice)
    }

    fn rule(&self, verdict: Verdict) -> &'a str {
        self.history.rules.get(usize::from(verdict.rule)).map_or("", String::as_str)
    }

    /// What a track was counted as on a day with this verdict.
    fn count(&self, track: usize, day: Day, verdict: Verdict, rule: &str) -> Option<&DayCount> {
        let key = |v: Verdict| (v.credential, v.grade, v.outcome, v.operation, v.window);
        self.on(track, day).iter().find(|count| key(count.verdict) == key(verdict) && self.rule(count.verdict) == rule)
    }

    /// What was counted and does not stand in the list.
    fn beyond(&self, evidence: &[Evidence]) -> Option<More> {
        let counts = || self.by_track_and_day.values().flatten();
        let all = sum(counts().map(|count| count.uses));
        let uses = all.saturating_sub(sum(evidence.iter().map(|piece| piece.uses)));
        let oldest = counts().map(|count| count.day).min()?;
        (uses > 0).then_some(More { uses, oldest })
    }
}

fn piece(
    m: &Material<'_>,
    trace: &Trace,
    gathered: &Gathered,
    sighting: &Sighting<'static>,
    recorded: &Recorded<'_>,
) -> Evidence {
    let counted = &m.history.tracks[gathered.track];
    let mut verdict = m.classifier.classify(sighting).verdict;
    if let Some(limit) = m.limits.get(&counted.source) {
        verdict.grade = verdict.grade.min(*limit);
    }
    let rule = m.classifier.rules().ids().nth(usize::from(verdict.rule)).unwrap_or_default().to_owned();
    let count = recorded.count(gathered.track, gathered.day, verdict, &rule);
    // A count is lifted as a whole, by its first use: a piece of it is what it was counted as.
    let first_ms = count.map_or(sighting.time_ms, |count| count.first_ms);
    Evidence {
        integration: trace.key.id.clone(),
        source: counted.source.clone(),
        track: presented(&counted.track, sighting),
        first: instant(sighting.time_ms),
        last: instant(sighting.until_ms.unwrap_or(sighting.time_ms)),
        uses: u64::from(sighting.uses),
        lifted: lifted(m, recorded, (&trace.key.id, gathered.track), verdict, first_ms),
        recorded_otherwise: count.is_none(),
        open: trace.holds_openly(gathered.track),
        verdict,
        rule,
        sighting: Some(sighting.clone()),
    }
}

/// A track with the names of a piece of it, where it stands for many.
fn presented(track: &Track, sighting: &Sighting<'static>) -> Track {
    if !track.username.as_deref().is_some_and(is_crowd) {
        return track.clone();
    }
    let own = |name: &Text<'static>| name.as_deref().map(str::to_owned);
    Track {
        username: own(&sighting.username),
        email: own(&sighting.email),
        account_id: own(&sighting.account_id),
        display_name: own(&sighting.display_name),
        ..track.clone()
    }
}

fn counted(m: &Material<'_>, trace: &Trace, gathered: &Gathered, recorded: &Recorded<'_>) -> Vec<Evidence> {
    let counted = &m.history.tracks[gathered.track];
    let of = |count: &DayCount| Evidence {
        integration: trace.key.id.clone(),
        source: counted.source.clone(),
        track: counted.track.clone(),
        sighting: None,
        first: instant(count.first_ms),
        last: instant(count.last_ms),
        uses: count.uses,
        verdict: count.verdict,
        rule: recorded.rule(count.verdict).to_owned(),
        lifted: lifted(m, recorded, (&trace.key.id, gathered.track), count.verdict, count.first_ms),
        recorded_otherwise: false,
        open: trace.holds_openly(gathered.track),
    };
    recorded.on(gathered.track, gathered.day).iter().map(of).collect()
}

/// What the history makes of it: first that of its secret, then that of its integration.
fn lifted(m: &Material<'_>, recorded: &Recorded<'_>, of: (&str, usize), verdict: Verdict, first_ms: i64) -> Option<Lifted> {
    let (integration, track) = of;
    let row = || m.findings.campaigns.iter().flat_map(|found| &found.integrations).find(|row| row.id == integration);
    let mut after = verdict;
    let by_secret = recorded.secrets.apply(&mut after, track);
    let old_name = || lift::is_old_name(m.history.tracks[track].track.username.as_deref());
    let rule = by_secret.or_else(|| row()?.lift.apply(&mut after, first_ms, old_name()))?;
    Some(Lifted { credential: after.credential, grade: after.grade, rule })
}

fn integration(m: &Material<'_>, trace: &Trace, evidence: &[Evidence]) -> ExplainedIntegration {
    let key = &trace.key;
    let verdicts: Vec<ExplainedVerdict> = m
        .findings
        .campaigns
        .iter()
        .filter_map(|found| {
            let row = found.integrations.iter().find(|row| row.id == key.id)?.clone();
            let would_change = change::would_change(&row, &found.campaign, m.findings.now);
            Some(ExplainedVerdict { campaign: found.campaign.clone(), row, would_change })
        })
        .collect();
    let own: Vec<&Evidence> = evidence.iter().filter(|piece| piece.integration == key.id).collect();
    let guess = verdicts.first().and_then(|verdict| guess(&verdict.row, m.clients));
    let retired = verdicts.iter().any(|verdict| verdict.campaign.advice.is_none());
    let place = verdicts.iter().find_map(|verdict| verdict.row.repositories.first()).map(String::as_str);
    let user = person(m, &key.user);
    let steps = |client: &str| Some(m.clients.steps(client)?.filled(place, user.email.as_deref()));
    ExplainedIntegration {
        names: names(m.known, key),
        steps: retired.then(|| steps(key.shown_client())).flatten(),
        steps_if_guessed: guess.as_ref().filter(|_| retired).and_then(|guess| steps(guess.client.as_deref()?)),
        versions: versions(m.clients, &key.client, &own),
        key: key.clone(),
        user,
        verdicts,
        guess,
    }
}

fn names(known: &[KnownIntegration], key: &IntegrationKey) -> Vec<IntegrationKey> {
    let mut names: Vec<IntegrationKey> =
        known.iter().filter(|integration| integration.id == key.id).flat_map(|i| &i.keys).cloned().collect();
    if !names.contains(key) {
        names.push(key.clone());
    }
    names
}

fn versions(clients: &ClientCatalogue, client: &str, evidence: &[&Evidence]) -> Vec<SeenVersion> {
    let Some(client) = clients.get(client) else { return Vec::new() };
    let mut by_agent: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for piece in evidence {
        let Some(agent) = piece.sighting.as_ref().and_then(|sighting| sighting.user_agent.as_deref()) else { continue };
        let last = by_agent.entry(agent).or_insert(piece.last);
        *last = piece.last.max(*last);
    }
    let mut versions: Vec<SeenVersion> = Vec::new();
    for (agent, last_seen) in by_agent {
        let Some(version) = client.version_in(agent) else { continue };
        match versions.iter_mut().find(|known| known.version == version) {
            Some(known) => known.last_seen = known.last_seen.max(last_seen),
            None => versions.push(SeenVersion { version: version.to_owned(), last_seen, too_old: client.too_old(version) }),
        }
    }
    versions.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.version.cmp(&b.version)));
    versions
}

fn person(m: &Material<'_>, id: &str) -> Person {
    let listed = m.findings.users.iter().map(|user| &user.user).find(|person| person.id == id);
    listed.cloned().unwrap_or_else(|| Person { id: id.to_owned(), ..Person::default() })
}

fn user(m: &Material<'_>, id: &str) -> ExplainedUser {
    let person = person(m, id);
    let is_own = |member: &&Member| {
        member.person.account_id.as_deref() == Some(id) || (person.email.is_some() && member.person.email == person.email)
    };
    ExplainedUser {
        finding: m.findings.users.iter().find(|user| user.user.id == id).cloned(),
        tokens: m.findings.tokens.iter().filter(|token| token.user.id == id).cloned().collect(),
        memberships: m.roster.members.iter().filter(is_own).cloned().collect(),
        person,
    }
}

fn rules(m: &Material<'_>, evidence: &[Evidence]) -> Vec<RuleWords> {
    let lifts = evidence.iter().filter_map(|piece| piece.lifted.as_ref()).map(|lifted| lifted.rule);
    let mut ids: Vec<&str> = evidence.iter().map(|piece| piece.rule.as_str()).chain(lifts).collect();
    ids.sort_unstable();
    ids.dedup();
    let words = |id: &str| {
        let rule = m.classifier.rules().get(id).map(|rule| rule.reason.clone());
        rule.or_else(|| super::lift::reason(id).map(str::to_owned)).unwrap_or_else(|| "a rule that exists no more".to_owned())
    };
    ids.into_iter().map(|id| RuleWords { id: id.to_owned(), reason: words(id) }).collect()
}
