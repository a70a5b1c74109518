//! Nicknames that somebody bore before any list of members was read: no inventory leads from them to anybody with an id, so the
//! old name would stand for nobody, and what its bearer did under it would seem to have ended.
//!
//! An unknown nickname is taken for an earlier one of a known user on either of two kinds of evidence, and only where it
//! leads to one user alone:
//!
//! - **One secret.** Where a sender tells secrets apart, one secret was accepted under the unknown name, and then, without
//!   going back, under names of that user and of nobody else. A secret belongs to one account. What was refused says nothing:
//!   whoever mistypes a name presents the right secret with it. Who pushes evidence says so of its own evidence alone: a name
//!   that another source has shown is not given away by it.
//! - **One succession.** Where the unknown name ended, the same client from the same origin went on, on the same
//!   repositories, under a name of that user, with no longer a pause than there had been before or a week; and all of this
//!   holds: no list named the user before (it would have named the old nickname); the account was at work before, by the
//!   audit log, so it is no successor who was hired; and no evidence shows it under a nickname of its own before, though a
//!   user bears one at any time. Somebody who merely takes over a job has a name already, or no past.
//!
//! Nothing is taken from how names are spelt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{People, email_of, named, nickname_of};
use crate::analysis::tracks::{Span, Spans};
use crate::evidence::{Day, History, Origin, Roster, SourceKind, Track, exchange::own_name};

/// A pause between two names that is no gap, however busy the place was before.
const USUAL_PAUSE_DAYS: i32 = 7;
/// No rhythm is so slow that a longer pause says that the same goes on.
const LONGEST_PAUSE_DAYS: i32 = 45;

/// An earlier nickname of a user.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) name: String,
    pub(super) user: usize,
    /// A sentence without a full stop.
    pub(super) why: String,
}

/// Evidence under one nickname.
struct Shown<'a> {
    track: &'a Track,
    source: &'a str,
    number: usize,
    span: Span,
}

/// One secret of one sender.
type Secret<'a> = (&'a str, &'a str);
/// What runs where.
type Place<'a> = (&'a str, &'a Origin);

/// Everybody's evidence by nickname, as far as it is needed to compare.
struct Names<'a> {
    people: &'a People,
    history: &'a History,
    by_name: BTreeMap<&'a str, Vec<Shown<'a>>>,
    /// Who showed a secret, from when to when. A name may have shown any number of them.
    by_secret: HashMap<Secret<'a>, BTreeMap<&'a str, (Day, Day)>>,
    /// Of names that lead to nobody with an id, in lower case: the first source that showed it, whatever the outcome, and
    /// whether others did.
    sources: HashMap<String, (&'a str, bool)>,
    /// The names of known users, who have an id.
    by_place: HashMap<Place<'a>, BTreeSet<&'a str>>,
}

/// The earlier nicknames that evidence gives away, sorted by name. `listed_since` is by user: since when lists name them.
pub(super) fn find(people: &People, history: &History, spans: &Spans, listed_since: &[Option<Day>]) -> Vec<Former> {
    let names = Names::new(people, history, spans);
    let unknown: Vec<&str> = names.by_name.keys().copied().filter(|name| people.leads_to_nobody(name)).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let past = Past::new(people, &names, history, spans, listed_since);
    let mut found: Vec<Former> = unknown.iter().filter_map(|name| names.by_one_secret(name)).collect();
    let rest = unknown.iter().filter(|name| !found.iter().any(|former| former.name == **name));
    let successions: Vec<Former> = rest.filter_map(|name| names.by_succession(name, &past)).collect();
    // Two names that ended in one user's are not both that user's: it would have to have borne them at once, or in turns.
    let claims = |user: usize| successions.iter().filter(|former| former.user == user).count();
    let alone: Vec<bool> = successions.iter().map(|former| claims(former.user) == 1).collect();
    found.extend(successions.into_iter().zip(alone).filter(|(_, alone)| *alone).map(|(former, _)| former));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The day from which on lists name each of so many users.
pub(super) fn listed_since(users: usize, roster: &Roster, user_of_row: &[Option<usize>]) -> Vec<Option<Day>> {
    let mut since: Vec<Option<Day>> = vec![None; users];
    for (listed, user) in roster.listed.iter().zip(user_of_row) {
        let Some(known) = user.map(|user| &mut since[user]) else { continue };
        let from = Day::of(listed.from);
        *known = Some(known.map_or(from, |day| day.min(from)));
    }
    since
}

impl<'a> Names<'a> {
    fn new(people: &'a People, history: &'a History, spans: &Spans) -> Self {
        let mut names = Self {
            people,
            history,
            by_name: BTreeMap::new(),
            by_secret: HashMap::new(),
            sources: HashMap::new(),
            by_place: HashMap::new(),
        };
        for (number, shown) in history.tracks.iter().enumerate() {
            let (track, span, source) = (&shown.track, spans.of(number), shown.source.as_str());
            let by_name = named(track.account_id.as_deref()).is_none() && email_of(track).is_none();
            let Some(name) = nickname_of(track).filter(|_| by_name) else { continue };
            if people.leads_to_nobody(name) {
                let (first, others) = names.sources.entry(name.to_lowercase()).or_insert((source, false));
                *others |= *first != source;
            }
            if !span.worked {
                continue;
            }
            if let Some(secret) = track.secret_id.as_deref() {
                let shown = names.by_secret.entry((source, secret)).or_default().entry(name);
                shown.and_modify(|known| *known = both(*known, days(&span))).or_insert(days(&span));
            }
            // Nobody else can be an heir, and of those whom no list names there may be a hundred thousand in one place.
            if let Some(place) = place(track).filter(|_| names.user(name).is_some()) {
                names.by_place.entry(place).or_default().insert(name);
            }
            names.by_name.entry(name).or_default().push(Shown { track, source, number, span });
        }
        names
    }

    /// The only user with an id who bears a name.
    fn user(&self, name: &str) -> Option<usize> {
        self.people.only(self.people.meant_by_nickname(name)).filter(|user| self.people.users[*user].id().is_some())
    }

    /// The first and the last day on which a name was seen, of what a test lets pass.
    fn span(&self, name: &str, of: impl Fn(&Shown<'_>) -> bool) -> Option<(Day, Day)> {
        let shown = self.by_name.get(name)?.iter().filter(|shown| of(shown));
        shown.map(|shown| days(&shown.span)).reduce(both)
    }

    fn by_one_secret(&self, name: &str) -> Option<Former> {
        let shown = self.by_name.get(name)?;
        let secrets: BTreeSet<Secret<'_>> =
            shown.iter().filter_map(|it| Some((it.source, it.track.secret_id.as_deref()?))).collect();
        let mut found: Option<(usize, &str, Day, Day)> = None;
        for secret in secrets.into_iter().filter(|(source, _)| self.may_give_away(source, name)) {
            let by_name = self.by_secret.get(&secret)?;
            let (_, ended) = *by_name.get(name)?;
            for (other, (began, _)) in by_name.iter().filter(|(other, _)| **other != name) {
                let (user, began) = (self.user(other)?, *began);
                if began < ended || found.is_some_and(|(known, ..)| known != user) {
                    return None;
                }
                if found.is_none_or(|(.., first)| began < first) {
                    found = Some((user, other, ended, began));
                }
            }
        }
        let (user, now, ended, began) = found?;
        let why = format!(
            "{name} is taken for an earlier nickname of its user: one secret was accepted under it until {ended}, and under \
             {now} since {began}, and a secret belongs to one account"
        );
        Some(Former { name: name.to_owned(), user, why })
    }

    /// Whether what a source says of a secret may tell whose a name was. A sender has a token and writes what it likes.
    fn may_give_away(&self, source: &str, name: &str) -> bool {
        let pushed = SourceKind::of(own_name(source)) == Some(SourceKind::Intake);
        !pushed || self.sources.get(&name.to_lowercase()) == Some(&(source, false))
    }

    fn by_succession(&self, name: &str, past: &Past) -> Option<Former> {
        let (_, gone) = self.span(name, |_| true)?;
        let shown = self.by_name.get(name)?;
        let places: BTreeSet<Place<'_>> = shown.iter().filter_map(|it| place(it.track)).collect();
        let mut heirs: BTreeMap<usize, String> = BTreeMap::new();
        for at in places.into_iter().filter(|at| self.by_place.contains_key(at)) {
            let here = |shown: &Shown<'_>| place(shown.track) == Some(at);
            let (_, ended) = self.span(name, here)?;
            for other in self.by_place.get(&at).into_iter().flatten() {
                let Some(user) = self.user(other).filter(|user| past.fits(*user, gone)) else { continue };
                let Some((began, _)) = self.span(other, here) else { continue };
                let goes_on = began >= ended && began.0 - ended.0 <= self.pause(name, at);
                if goes_on && self.same_repositories(name, other, at) {
                    let (client, origin) = (at.0, at.1.text());
                    heirs.entry(user).or_insert_with(|| {
                        format!(
                            "{name} is taken for an earlier nickname of its user: {client} from {origin} went on under {other} on \
                             {began}, on the same repositories, where {name} had ended on {ended}; the account was at work \
                             before, under no other nickname, and no list of members reaches so far back"
                        )
                    });
                }
            }
        }
        let heir = heirs.pop_first().filter(|_| heirs.is_empty());
        heir.map(|(user, why)| Former { name: name.to_owned(), user, why })
    }

    /// The longest pause in a place that does not end what a name did there.
    fn pause(&self, name: &str, at: Place<'_>) -> i32 {
        let shown = self.by_name.get(name).into_iter().flatten().filter(|shown| place(shown.track) == Some(at));
        let days: BTreeSet<Day> = shown.flat_map(|shown| self.history.counts.of(shown.number)).map(|count| count.day).collect();
        let days: Vec<Day> = days.into_iter().collect();
        let longest = days.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(0);
        longest.clamp(USUAL_PAUSE_DAYS, LONGEST_PAUSE_DAYS)
    }

    /// Whether one of two names worked in a place on repositories all of which the other worked on too.
    fn same_repositories(&self, name: &str, other: &str, at: Place<'_>) -> bool {
        let of = |name: &str| -> BTreeSet<(Option<&str>, &str)> {
            let shown = self.by_name.get(name).into_iter().flatten().filter(|shown| place(shown.track) == Some(at));
            shown.filter_map(|it| Some((it.track.workspace.as_deref(), it.track.repository.as_deref()?))).collect()
        };
        let (one, two) = (of(name), of(other));
        !one.is_empty() && !two.is_empty() && (one.is_subset(&two) || two.is_subset(&one))
    }
}

fn days(span: &Span) -> (Day, Day) {
    (span.first, span.last)
}

fn both(one: (Day, Day), two: (Day, Day)) -> (Day, Day) {
    (one.0.min(two.0), one.1.max(two.1))
}

/// Where a track belongs, if it says so.
fn place(track: &Track) -> Option<Place<'_>> {
    track.client.as_deref().filter(|_| !track.origin.is_open()).map(|client| (client, &track.origin))
}

/// What is known of the time before: by user, the first day on which a list named it, the audit log showed it, and evidence
/// showed it under a nickname.
struct Past {
    listed: Vec<Option<Day>>,
    at_work: Vec<Option<Day>>,
    named: Vec<Option<Day>>,
}

impl Past {
    fn new(people: &People, names: &Names<'_>, history: &History, spans: &Spans, listed_since: &[Option<Day>]) -> Self {
        let mut past = Self {
            listed: listed_since.to_vec(),
            at_work: vec![None; people.users.len()],
            named: vec![None; people.users.len()],
        };
        past.listed.resize(people.users.len(), None);
        let note = |slot: &mut Option<Day>, day: Day| *slot = Some(slot.map_or(day, |known| known.min(day)));
        for (number, shown) in
            history.tracks.iter().enumerate().filter(|(_, shown)| SourceKind::of(&shown.source) == Some(SourceKind::Audit))
        {
            let account = named(shown.track.account_id.as_deref());
            if let Some(user) = account.and_then(|account| people.by_account.get(account)) {
                note(&mut past.at_work[*user], spans.of(number).first);
            }
        }
        for name in names.by_name.keys() {
            if let (Some(user), Some((first, _))) = (names.user(name), names.span(name, |_| true)) {
                note(&mut past.named[user], first);
            }
        }
        past
    }

    /// Whether a user had another nickname up to a day, for all that is known.
    fn fits(&self, user: usize, gone: Day) -> bool {
        self.listed[user].is_some_and(|since| since >= gone)
            && self.at_work[user].is_some_and(|since| since < gone)
            && self.named[user].is_some_and(|since| since >= gone)
    }
}
