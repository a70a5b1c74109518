//! The world: organisation, integrations and the audit events they and everybody else cause.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::evidence::{Campaign, ClientCatalogue, Credential, Day, Origin};

use super::{
    Options, Owner, Truth,
    address::{NAMED, Site, named_networks},
    audit::{self, AuditEvent},
    fate::{Fate, Fates, Subject},
    logs::Weather,
    organization::Places,
    seed::{Seed, Topic, pick, weighted},
    software::{KINDS, Kind, Part, Place},
    temper::Temper,
};

/// The Atlassian organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub name: String,
    pub id: String,
}

/// An `[[origin]]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedNetwork {
    pub name: String,
    pub networks: Vec<String>,
}

/// The log in which an integration's HTTP traffic shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// The egress proxy that opens TLS: usernames, schemes, for some lines the prefix of the secret.
    Inspected,
    /// A second egress log, without anything of the secret.
    Plain,
    /// A gateway in front of git, in the combined format.
    Gateway,
    /// A squid that knows neither Bitbucket's usernames nor user agents.
    Squid,
    /// A filter in the cloud, whose log is fetched as a table with column names of its own.
    Filter,
}

impl Door {
    pub const ALL: [Self; 5] = [Self::Inspected, Self::Plain, Self::Gateway, Self::Squid, Self::Filter];
}

/// User, client and origin: the unit that somebody has to migrate.
#[derive(Debug)]
pub struct Integration {
    /// Stable for a seed and options; the index in [`Truth::integrations`].
    pub id: u32,
    /// Integrations of one deployment share a secret and mostly a fate.
    pub deployment: u32,
    pub kind: &'static str,
    /// Index in [`Truth::users`].
    pub user: usize,
    /// The catalogue's id of its user agents, or `unknown`.
    pub client: &'static str,
    pub origin: Origin,
    /// Indices for [`Truth::repository`].
    pub repositories: Vec<usize>,
    pub fate: Fate,
    /// What it uses, or will use, instead of an app password.
    pub replacement: Credential,
    /// None where no log sees its traffic.
    pub door: Option<Door>,
    /// The job whose output is collected, if any.
    pub job: Option<String>,
    pub(super) part: &'static Part,
    pub(super) site: Site,
    pub(super) service: bool,
    /// With an API token git takes the nickname or a reserved username.
    pub(super) token_by_nickname: bool,
    /// App passwords of the first years have no recognisable prefix.
    pub(super) old_secret: bool,
}

/// A modelled organisation and everything that happens in it.
#[derive(Debug)]
pub struct World {
    pub(super) seed: Seed,
    pub(super) options: Options,
    pub(super) campaign: Campaign,
    pub(super) places: Places,
    pub(super) integrations: Vec<Integration>,
    /// Sorted by the instant of processing.
    pub(super) events: Vec<AuditEvent>,
    pub(super) weather: Weather,
    pub(super) first: Day,
    /// Exclusive.
    pub(super) last: Day,
}

impl World {
    /// Generates a world; the same seed and options give the same one.
    pub fn generate(seed: u64, options: &Options) -> Self {
        let mut world = Self::without_events(seed, options);
        world.events = audit::generate(&world, options.size.scale().noise);
        world
    }

    /// A world whose audit log shows nothing: for who wants only its other logs.
    pub(super) fn without_events(seed: u64, options: &Options) -> Self {
        let text = Campaign::builtin("builtin:bitbucket-app-passwords").expect("the campaign is compiled in");
        let today = Day::of(options.now);
        let days = |count: u32| i32::try_from(count).unwrap_or(i32::MAX / 4);
        let mut scale = options.size.scale();
        scale.repositories = options.repositories.unwrap_or(scale.repositories);
        let (first, last) = (Day(today.0 - days(options.history_days)), Day(today.0 + days(options.future_days) + 1));
        let mut world = Self {
            seed: Seed(seed),
            options: *options,
            campaign: Campaign::parse(text).expect("a test parses the compiled-in campaign"),
            places: Places::generate(Seed(seed), &scale, (!options.steady).then_some((first, last))),
            integrations: Vec::new(),
            events: Vec::new(),
            weather: if options.steady { Weather::fair(first) } else { Weather::of(Seed(seed), first, last) },
            first,
            last,
        };
        world.integrations = Deployer::new(&world).deploy(scale.integrations);
        world
    }

    /// What is really so. Only tests and benchmarks may ask; everything else has to find out through the doors.
    pub fn truth(&self) -> Truth<'_> {
        Truth::new(self)
    }

    pub fn now(&self) -> Timestamp {
        self.options.now
    }

    pub fn organization(&self) -> Organization {
        Organization { name: "acme".to_owned(), id: self.seed.uuid(Topic::Places, 0, 0) }
    }

    /// The slugs of all workspaces.
    pub fn workspaces(&self) -> impl Iterator<Item = &str> {
        self.places.workspaces.iter().map(|w| w.slug.as_str())
    }

    pub fn named_networks(&self) -> Vec<NamedNetwork> {
        NAMED.iter().map(|(name, net, _)| NamedNetwork { name: (*name).to_owned(), networks: vec![(*net).to_owned()] }).collect()
    }

    /// The teams that somebody has written into the configuration; a few are missing.
    pub fn owners(&self) -> Vec<Owner> {
        self.places.owners()
    }

    pub(super) fn days(&self) -> impl Iterator<Item = Day> + use<> {
        (self.first.0..self.last.0).map(Day)
    }
}

/// Percent of the deployments behind each door; the rest is seen by no log.
const DOORS: &[(Option<Door>, u32)] = &[
    (Some(Door::Inspected), 48),
    (Some(Door::Plain), 24),
    (Some(Door::Gateway), 9),
    (Some(Door::Squid), 6),
    (Some(Door::Filter), 5),
    (None, 8),
];

/// What deployments choose instead of an app password, in percent.
const REPLACEMENTS: &[(Credential, u32)] =
    &[(Credential::ApiToken, 62), (Credential::AccessToken, 20), (Credential::Oauth, 8), (Credential::SshKey, 10)];

/// No organisation is so small that deployments collide this often before the wanted number stands.
const MAX_ATTEMPTS_PER_INTEGRATION: usize = 40;

/// Places deployments until there are enough integrations.
struct Deployer<'a> {
    world: &'a World,
    fates: Fates<'a>,
    catalogue: ClientCatalogue,
    taken: HashSet<(usize, &'static str, Origin)>,
    integrations: Vec<Integration>,
}

/// What the parts of one deployment have in common.
struct Deployment {
    number: u32,
    kind: &'static Kind,
    user: usize,
    team: usize,
    /// More than one where somebody has copied a script, with its secret, to one network after the other.
    sites: Vec<Site>,
    repositories: Vec<usize>,
    door: Option<Door>,
    replacement: Credential,
    token_by_nickname: bool,
    old_secret: bool,
    collected: bool,
}

impl<'a> Deployer<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            fates: Fates {
                seed: world.seed,
                campaign: &world.campaign,
                temper: Temper::of(world.seed),
                first: world.first,
                last: world.last,
                future: world.options.future,
            },
            catalogue: ClientCatalogue::builtin().expect("a test parses the compiled-in catalogue"),
            taken: HashSet::new(),
            integrations: Vec::new(),
        }
    }

    fn deploy(mut self, wanted: usize) -> Vec<Integration> {
        for number in 0..u32::try_from(wanted * MAX_ATTEMPTS_PER_INTEGRATION).unwrap_or(u32::MAX) {
            if self.integrations.len() >= wanted {
                break;
            }
            let deployment = self.plan(number);
            for (place, site) in deployment.sites.iter().enumerate() {
                for (index, part) in deployment.kind.parts.iter().enumerate() {
                    if self.integrations.len() < wanted {
                        self.add(&deployment, *site, place * deployment.kind.parts.len() + index, part);
                    }
                }
            }
        }
        self.integrations
    }

    fn plan(&self, number: u32) -> Deployment {
        let mut rng = self.world.seed.stream(Topic::Deployments, 0, u64::from(number));
        let kind = &KINDS[weighted(&mut rng, KINDS.iter().map(|kind| kind.weight))];
        let places = &self.world.places;
        let team = rng.usize(..places.teams.len());
        let shared = kind.service && rng.f64() < SHARED_ACCOUNT_SHARE;
        let own: Vec<usize> = if shared { shared_accounts(places) } else { candidates(places, team, kind.service) };
        let user = if own.is_empty() { rng.usize(..places.users.len()) } else { *pick(&mut rng, &own) };
        let door = DOORS[weighted(&mut rng, DOORS.iter().map(|d| d.1))].0;
        let git_only = kind.parts.iter().all(|part| part.rest == 0);
        Deployment {
            number,
            kind,
            user,
            team,
            sites: sites(kind, &mut rng),
            repositories: repositories(places, &mut rng, team, kind),
            door: door.map(|door| if door == Door::Gateway && !git_only { Door::Inspected } else { door }),
            replacement: REPLACEMENTS[weighted(&mut rng, REPLACEMENTS.iter().map(|r| r.1))].0,
            token_by_nickname: rng.bool(),
            old_secret: rng.f64() < 0.2,
            collected: kind.job && rng.f64() < 0.6,
        }
    }

    /// Adds a part of a deployment; `index` counts the parts of all its places.
    fn add(&mut self, it: &Deployment, site: Site, index: usize, part: &'static Part) {
        let day = self.world.first;
        let mut rng = self.world.seed.stream(Topic::Deployments, 1 + index as u64, u64::from(it.number));
        let address = site.address(self.world.seed, u64::from(it.number), day, &mut rng);
        let origin = Origin::of(&named_networks(), self.catalogue.category(part.client), Some(address), None, None);
        if !self.taken.insert((it.user, part.client, origin.clone())) {
            return;
        }
        let fate = self.fates.draw(&Subject {
            deployment: u64::from(it.number),
            part: index,
            team: it.team,
            ease: it.kind.ease,
            repositories: it.repositories.len(),
            mixed: part.rest > 0 && part.rest < 100,
        });
        // SSH serves git alone.
        let ssh_for_rest = part.rest > 0 && it.replacement == Credential::SshKey;
        let replacement = if ssh_for_rest { Credential::ApiToken } else { it.replacement };
        let fate = match fate {
            // Only tokens have two usernames to mistake.
            Fate::Stumbles { on, .. } if matches!(replacement, Credential::SshKey | Credential::Oauth) => Fate::Migrates { on },
            other => other,
        };
        let main = &self.world.places.repositories[it.repositories[0]].slug;
        self.integrations.push(Integration {
            id: u32::try_from(self.integrations.len()).expect("integrations are counted in thousands"),
            deployment: it.number,
            kind: it.kind.name,
            user: it.user,
            client: part.client,
            origin,
            repositories: it.repositories.clone(),
            fate,
            replacement,
            door: it.door,
            job: (it.collected && part.rest == 0).then(|| format!("{}-{main}-{}", it.kind.name, it.number)),
            part,
            site,
            service: it.kind.service,
            token_by_nickname: it.token_by_nickname,
            old_secret: it.old_secret,
        });
    }
}

/// Share of the machines that sign in with one of the accounts which everybody knows the secret of.
const SHARED_ACCOUNT_SHARE: f64 = 0.2;
const SHARED_ACCOUNTS: usize = 3;
/// Share of the scripts that were copied about.
const COPIED_SHARE: f64 = 0.07;

fn shared_accounts(places: &Places) -> Vec<usize> {
    (0..places.users.len()).filter(|user| places.users[*user].service).take(SHARED_ACCOUNTS).collect()
}

fn sites(kind: &Kind, rng: &mut fastrand::Rng) -> Vec<Site> {
    let copied = kind.place == Place::Branch && !kind.service && rng.f64() < COPIED_SHARE;
    let places = if copied { rng.usize(3..=10) } else { 1 };
    (0..places).map(|_| Site::of(kind.place, rng)).collect()
}

fn candidates(places: &Places, team: usize, service: bool) -> Vec<usize> {
    places.users_of(team).filter(|index| places.users[*index].service == service).collect()
}

/// Mostly the team's own repositories; what runs at night takes them all.
fn repositories(places: &Places, rng: &mut fastrand::Rng, team: usize, kind: &Kind) -> Vec<usize> {
    let mut own: Vec<usize> = places.repositories_of(team).collect();
    rng.shuffle(&mut own);
    let all = kind.parts.iter().any(|part| part.rhythm.takes_all());
    let wanted = if all { own.len().min(8) } else { rng.usize(1..=4) };
    own.truncate(wanted.max(1));
    if rng.f64() < 0.15 {
        let other = rng.usize(..places.repositories.len());
        if !own.contains(&other) {
            own.push(other);
        }
    }
    own
}
