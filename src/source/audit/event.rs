//! One page of events, as Atlassian writes them, into sightings. Fields may be missing, null, empty or of another type;
//! only an event without a time is malformed.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Actions, actions::Kind, word::Word};
use crate::{
    evidence::{MALFORMED, OTHER_PRODUCT, Page, Person, Sighting, Skipped},
    source::text::{count_unknown, id, label},
};

/// What system actors have instead of an e-mail address.
const SYSTEM_ACTOR: &str = "Atlassian app";
/// Objects of one event that are looked at; a real one names two or three.
const MAX_OBJECTS: usize = 20;
/// People of one page that are told of; five hundred real events name a thousand at most.
const MAX_PEOPLE: usize = 10_000;

/// What a walk has to know of a page's events.
#[derive(Default)]
pub(super) struct Outline {
    pub events: u64,
    pub newest_ms: Option<i64>,
    /// The own time of the event that was processed last.
    pub newest_time_ms: Option<i64>,
}

impl Outline {
    pub(super) fn of<'a>(marks: impl IntoIterator<Item = Mark<'a>>) -> Self {
        let mut outline = Self::default();
        let mut newest_time = Word::default();
        for Mark { attributes: Times { processed_at, time } } in marks {
            outline.events += 1;
            let processed_ms = processed_at.instant_ms();
            if processed_ms > outline.newest_ms {
                (outline.newest_ms, newest_time) = (processed_ms, time);
            }
        }
        outline.newest_time_ms = newest_time.instant_ms();
        outline
    }
}

/// Of an event only when it happened and when it was processed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Mark<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    attributes: Times<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Times<'a> {
    #[serde(borrow)]
    processed_at: Word<'a>,
    #[serde(borrow)]
    time: Word<'a>,
}

/// The events of a page.
#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

/// Reads the events of a page. Those of a form that cannot be read are singled out one by one only when there is one.
pub(super) fn parse<'a>(page: &'a str, actions: &Actions) -> Page<'a> {
    let mut reader =
        Reader { actions, page: Page::default(), people: HashSet::new(), malformed: Tally::default(), other: Tally::default() };
    if let Ok(Data { data }) = serde_json::from_str::<Data<Option<Vec<Event<'a>>>>>(page) {
        let events = data.unwrap_or_default();
        reader.page.sightings.reserve(events.len());
        for event in events {
            reader.event(event);
        }
    } else if let Ok(Data { data }) = serde_json::from_str::<Data<&'a RawValue>>(page) {
        for event in singly(data.get()) {
            match event {
                Ok(event) => reader.event(event),
                Err(_) => reader.malformed.add(|| "an event that is no object of the known form".to_owned()),
            }
        }
    }
    reader.finish()
}

/// Each element of an array, whatever the others are.
pub(super) fn singly<'a, T: Deserialize<'a>>(array: &'a str) -> impl Iterator<Item = serde_json::Result<T>> {
    let elements = serde_json::from_str::<Vec<&'a RawValue>>(array).unwrap_or_default();
    elements.into_iter().map(|element| serde_json::from_str(element.get()))
}

struct Reader<'a, 'b> {
    actions: &'b Actions,
    page: Page<'a>,
    /// Those of the page.
    people: HashSet<Person>,
    malformed: Tally,
    other: Tally,
}

#[derive(Default)]
struct Tally {
    count: u64,
    sample: String,
}

impl Tally {
    fn add(&mut self, sample: impl FnOnce() -> String) {
        if self.count == 0 {
            self.sample = sample();
        }
        self.count += 1;
    }

    fn skipped(self, reason: &'static str) -> Option<Skipped> {
        (self.count > 0).then_some(Skipped { reason, count: self.count, sample: self.sample })
    }
}

impl<'a> Reader<'a, '_> {
    fn event(&mut self, event: Event<'a>) {
        let mut attributes = event.attributes;
        let Some(time_ms) = attributes.time.instant_ms().or_else(|| attributes.processed_at.instant_ms()) else {
            return self.malformed.add(|| "an event without a time".to_owned());
        };
        let action = attributes.action.0.as_deref().unwrap_or_default();
        let kind = self.actions.kind(action);
        if self.actions.misses(action) && !action.is_empty() {
            count_unknown(&mut self.page.unknown, "action", action);
        }
        if kind == Kind::Other {
            self.other.add(|| word_like(action));
            return self.page.passed_over.extend(event.id.0.and_then(id).map(|id| (id, time_ms)));
        }
        let objects = attributes.context.0.into_iter().chain(attributes.container.0);
        let place = self.place(objects);
        let actor = attributes.actor.identity();
        let auth = attributes.actor.auth;
        self.page.sightings.push(Sighting {
            time_ms,
            event_id: event.id.0.and_then(id),
            workspace: place.workspace.and_then(id),
            repository: place.repository.and_then(id),
            email: actor.email,
            account_id: actor.account_id,
            display_name: actor.display_name,
            client_ip: attributes.location.ip.0.as_deref().and_then(|ip| ip.parse().ok()),
            auth_type: auth.kind.0.and_then(label),
            token_id: auth.token_id.0.and_then(id),
            token_label: auth.token_label.0.or(auth.token_name.0).and_then(label),
            action: attributes.action.0.and_then(label),
            uses: 1,
            authentication: kind == Kind::Bitbucket,
            ..Sighting::default()
        });
    }

    /// The workspace and repository among the objects; users among them are people worth knowing. The names of Bitbucket's
    /// object types are not documented, so everything that says `workspace` or `repository` is taken for one.
    fn place(&mut self, objects: impl Iterator<Item = Object<'a>>) -> Place<'a> {
        let mut place = Place::default();
        for object in objects {
            let kind = object.kind.0.as_deref().unwrap_or_default().to_ascii_lowercase();
            let fields = object.attributes;
            if kind.contains("repositor") {
                place.repository(fields);
            } else if kind.contains("workspace") {
                place.workspace = place.workspace.or(fields.slug.or_slug_of(fields.name));
            } else if kind == "users" || kind == "user" {
                self.person(object.id, fields);
            }
        }
        place
    }

    fn person(&mut self, key: Word<'a>, fields: Fields<'a>) {
        let account_id = account_id(key).map(Cow::into_owned);
        let person = Person {
            account_id,
            display_name: fields.name.0.and_then(label).map(Cow::into_owned),
            email: email(fields.email).map(|e| e.to_lowercase()),
            ..Person::default()
        };
        let keyed = person.account_id.is_some() || person.email.is_some();
        if keyed && self.people.len() < MAX_PEOPLE && self.people.insert(person.clone()) {
            self.page.people.push(person);
        }
    }

    fn finish(mut self) -> Page<'a> {
        self.page.skipped.extend(self.malformed.skipped(MALFORMED));
        self.page.skipped.extend(self.other.skipped(OTHER_PRODUCT));
        self.page
    }
}

/// A sample that is safe to show whatever was sent: an action id or its kind.
fn word_like(action: &str) -> String {
    let word = |text: &Cow<'_, str>| text.len() <= 80 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    label(Cow::Borrowed(action)).filter(word).map_or_else(|| "an action without a readable id".to_owned(), Cow::into_owned)
}

#[derive(Default)]
struct Place<'a> {
    workspace: Option<Cow<'a, str>>,
    repository: Option<Cow<'a, str>>,
}

impl<'a> Place<'a> {
    /// `fullName` is `workspace/repository`.
    fn repository(&mut self, fields: Fields<'a>) {
        if let Some((workspace, repository)) = fields.full_name.0.as_deref().and_then(|name| name.split_once('/')) {
            self.workspace.get_or_insert_with(|| workspace.to_owned().into());
            self.repository.get_or_insert_with(|| repository.to_owned().into());
        }
        if self.repository.is_none() {
            self.repository = fields.slug.or_slug_of(fields.name);
        }
    }
}

struct Identity<'a> {
    account_id: Option<Cow<'a, str>>,
    display_name: Option<Cow<'a, str>>,
    email: Option<Cow<'a, str>>,
}

/// Account ids are `712020:` and a UUID, or 24 hexadecimal digits; system actors have a product's name instead.
fn is_account_id(id: &str) -> bool {
    let prefixed =
        |(prefix, rest): (&str, &str)| !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty();
    id.split_once(':').is_some_and(prefixed) || (id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The account that a text names, if it has the form of one and holds no secret.
fn account_id(text: Word<'_>) -> Option<Cow<'_, str>> {
    text.0.map(strip_prefix).filter(|text| is_account_id(text)).and_then(id)
}

fn email(text: Word<'_>) -> Option<Cow<'_, str>> {
    text.0.filter(|text| text.contains('@')).and_then(id)
}

/// Some logs write `ug:` before an account id.
fn strip_prefix(id: Cow<'_, str>) -> Cow<'_, str> {
    match id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("ug:").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("ug:").map(str::to_owned).unwrap_or(id)),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    attributes: Attributes<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Attributes<'a> {
    #[serde(borrow)]
    time: Word<'a>,
    #[serde(borrow)]
    processed_at: Word<'a>,
    #[serde(borrow)]
    action: Word<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    actor: Actor<'a>,
    #[serde(borrow)]
    context: Objects<'a>,
    #[serde(borrow)]
    container: Objects<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    location: Location<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Actor<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow)]
    name: Word<'a>,
    #[serde(borrow)]
    email: Word<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    auth: Auth<'a>,
}

impl<'a> Actor<'a> {
    /// Who acted; a system actor is nobody.
    fn identity(&mut self) -> Identity<'a> {
        let account_id = account_id(std::mem::take(&mut self.id));
        let system = self.email.0.as_deref() == Some(SYSTEM_ACTOR);
        let email = email(std::mem::take(&mut self.email));
        if system || (account_id.is_none() && email.is_none()) {
            return Identity { account_id: None, display_name: None, email: None };
        }
        Identity { account_id, display_name: self.name.0.take().and_then(label), email }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Auth<'a> {
    #[serde(borrow, rename = "authType")]
    kind: Word<'a>,
    #[serde(borrow)]
    token_id: Word<'a>,
    #[serde(borrow)]
    token_label: Word<'a>,
    #[serde(borrow)]
    token_name: Word<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    #[serde(borrow)]
    ip: Word<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    attributes: Fields<'a>,
}

/// The attributes of an object that name it. They are free-form.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    slug: Word<'a>,
    #[serde(borrow)]
    name: Word<'a>,
    #[serde(borrow, rename = "fullName", alias = "full_name")]
    full_name: Word<'a>,
    #[serde(borrow)]
    email: Word<'a>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of objects, or one object, or nothing.
#[derive(Default)]
struct Objects<'a>(Vec<Object<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Objects<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectsVisitor)
    }
}

struct ObjectsVisitor;

impl<'de> Visitor<'de> for ObjectsVisitor {
    type Value = Objects<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects or nothing")
    }

    fn visit_unit<E>(self) -> Result<Objects<'de>, E> {
        Ok(Objects::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Objects<'de>, A::Error> {
        let mut objects = Vec::new();
        while let Some(object) = items.next_element::<Object<'de>>()? {
            if objects.len() < MAX_OBJECTS {
                objects.push(object);
            }
        }
        Ok(Objects(objects))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Objects<'de>, A::Error> {
        let object = Object::deserialize(serde::de::value::MapAccessDeserializer::new(entries))?;
        Ok(Objects(vec![object]))
    }
}
