//! Who and what there is: people, teams, workspaces, repositories and rights. A few people leave or take another nickname,
//! and some lists become readable late; nothing else of it changes with time.

use crate::evidence::Day;

use super::{
    Scale,
    names::{FIRST, LAST, REPOSITORIES, TEAMS, WORKSPACES, numbered},
    seed::{Seed, Topic, pick},
};

/// A person, or an account that people share for a machine.
#[derive(Clone, Debug)]
pub struct User {
    pub account_id: String,
    pub uuid: String,
    /// The Bitbucket username, which app passwords and git want.
    pub nickname: String,
    pub display_name: String,
    pub email: String,
    pub team: usize,
    /// True for an account that stands for a machine.
    pub service: bool,
    /// False for guests, whose account belongs to another organisation: no inventory of ours lists their tokens.
    pub managed: bool,
    /// Indices of the workspaces it is a member of.
    pub workspaces: Vec<usize>,
    /// Until which day it had another nickname, and which.
    pub formerly: Option<(Day, String)>,
    /// Since when it is a member of nothing.
    pub left: Option<Day>,
}

impl User {
    pub fn nickname_on(&self, day: Day) -> &str {
        self.formerly.as_ref().filter(|(until, _)| day < *until).map_or(&self.nickname, |(_, nickname)| nickname)
    }

    pub fn has_left_by(&self, day: Day) -> bool {
        self.left.is_some_and(|left| day >= left)
    }
}

#[derive(Clone, Debug)]
pub struct Team {
    pub name: String,
    pub email: String,
    pub lead_time_days: u32,
    pub workspace: usize,
}

/// What an `[[owner]]` section of the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub name: String,
    pub email: String,
    pub lead_time_days: u32,
    /// Glob over workspace slugs.
    pub workspace: String,
    /// Glob over repository slugs.
    pub repository: String,
}

#[derive(Clone, Debug)]
pub(super) struct Workspace {
    pub slug: String,
    pub uuid: String,
    pub name: String,
    /// False where our token is no administrator, so that the permission matrix is refused.
    pub administered: bool,
    /// Until which day nobody had let our token see the members.
    pub members_from: Option<Day>,
    /// False where administration has moved, which takes `last_accessed` and `added_on` away.
    pub shows_activity: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub workspace: usize,
    pub slug: String,
    pub uuid: String,
    pub team: usize,
    pub is_private: bool,
}

/// Which share of the teams nobody has written into the configuration.
const UNOWNED_TEAM_EVERY: usize = 6;

#[derive(Debug)]
pub(super) struct Places {
    pub teams: Vec<Team>,
    pub workspaces: Vec<Workspace>,
    pub repositories: Vec<Repository>,
    pub users: Vec<User>,
}

impl Places {
    /// Changes happen between the first day of the world and the one after its last; without them nothing changes.
    pub fn generate(seed: Seed, scale: &Scale, days: Option<(Day, Day)>) -> Self {
        let workspaces: Vec<_> = (0..scale.workspaces).map(|index| workspace(seed, index, scale.workspaces, days)).collect();
        let teams: Vec<_> = (0..scale.teams).map(|index| team(seed, index, scale.workspaces)).collect();
        let repositories = (0..scale.repositories).map(|index| repository(seed, index, &teams)).collect();
        let users = (0..scale.users).map(|index| user(seed, index, &teams, scale.workspaces, days)).collect();
        Self { teams, workspaces, repositories, users }
    }

    pub fn full_name(&self, repository: usize) -> String {
        let it = &self.repositories[repository];
        format!("{}/{}", self.workspaces[it.workspace].slug, it.slug)
    }

    /// Teams take turns, so that nobody looks through everybody for one of them.
    pub fn users_of(&self, team: usize) -> impl Iterator<Item = usize> + use<> {
        (team..self.users.len()).step_by(self.teams.len())
    }

    pub fn repositories_of(&self, team: usize) -> impl Iterator<Item = usize> + use<> {
        (team..self.repositories.len()).step_by(self.teams.len())
    }

    pub fn members(&self, workspace: usize, on: Day) -> impl Iterator<Item = (usize, &User)> {
        let is_member = move |user: &User| user.workspaces.contains(&workspace) && !user.has_left_by(on);
        self.users.iter().enumerate().filter(move |(_, user)| is_member(user))
    }

    /// What the configuration would say of the teams; some are missing, so that something is unowned.
    pub fn owners(&self) -> Vec<Owner> {
        let owned = self.teams.iter().enumerate().filter(|(index, _)| index % UNOWNED_TEAM_EVERY != UNOWNED_TEAM_EVERY - 1);
        owned
            .map(|(_, team)| Owner {
                name: team.name.clone(),
                email: team.email.clone(),
                lead_time_days: team.lead_time_days,
                workspace: self.workspaces[team.workspace].slug.clone(),
                repository: format!("{}-*", team.name),
            })
            .collect()
    }
}

/// One workspace in so many shows its members late.
const LATE_MEMBERS_EVERY: usize = 5;

fn workspace(seed: Seed, index: usize, count: usize, days: Option<(Day, Day)>) -> Workspace {
    let slug = numbered(WORKSPACES, index);
    let late = index % LATE_MEMBERS_EVERY == LATE_MEMBERS_EVERY - 1;
    let mut name = slug.replace('-', " ");
    name[..1].make_ascii_uppercase();
    Workspace {
        uuid: format!("{{{}}}", seed.uuid(Topic::Places, 1, index as u64)),
        slug,
        name,
        administered: index + 1 != count,
        members_from: days.filter(|_| late).map(|(first, last)| first.plus((last.0 - first.0) * 9 / 20)),
        shows_activity: index % 4 != 1,
    }
}

fn team(seed: Seed, index: usize, workspaces: usize) -> Team {
    const LEAD_TIMES: &[u32] = &[3, 7, 10, 14, 14, 21, 30, 45];
    let name = numbered(TEAMS, index);
    let mut rng = seed.stream(Topic::Places, 2, index as u64);
    Team {
        email: format!("{name}@example.test"),
        lead_time_days: *pick(&mut rng, LEAD_TIMES),
        workspace: index % workspaces,
        name,
    }
}

fn repository(seed: Seed, index: usize, teams: &[Team]) -> Repository {
    let team = index % teams.len();
    let slug = format!("{}-{}", teams[team].name, numbered(REPOSITORIES, index / teams.len()));
    Repository {
        workspace: teams[team].workspace,
        slug,
        uuid: format!("{{{}}}", seed.uuid(Topic::Places, 3, index as u64)),
        team,
        is_private: !seed.chance(Topic::Places, 4, index as u64, 0.04),
    }
}

/// Share of the people that leave, and of those that take another nickname.
const LEAVING_SHARE: f64 = 0.05;
const RENAMED_SHARE: f64 = 0.05;
/// Share of the people that are guests.
const GUEST_SHARE: f64 = 0.06;

fn user(seed: Seed, index: usize, teams: &[Team], workspaces: usize, days: Option<(Day, Day)>) -> User {
    let mut rng = seed.stream(Topic::People, 0, index as u64);
    let team = index % teams.len();
    let service = (index / teams.len()) % 6 == 5;
    // A few old accounts have 24 hexadecimal digits instead of a site prefix and a UUID.
    let account_id = match rng.u32(..12) {
        0 => format!("{:024x}", u128::from(seed.hash(Topic::People, 1, index as u64)) << 24 | index as u128),
        1 => format!("557058:{}", seed.uuid(Topic::People, 2, index as u64)),
        _ => format!("712020:{}", seed.uuid(Topic::People, 2, index as u64)),
    };
    let mut member_of = vec![teams[team].workspace];
    for _ in 0..rng.usize(..3) {
        let other = rng.usize(..workspaces);
        if !member_of.contains(&other) {
            member_of.push(other);
        }
    }
    let (nickname, display_name, local) = identity(&mut rng, index, &teams[team].name, service);
    let mut later = seed.stream(Topic::People, 5, index as u64);
    // A day between two percentages of the world's time, for a share of the people.
    let mut someday = |share: f64, from: i32, to: i32| {
        let (first, last) = days.filter(|_| later.f64() < share && !service)?;
        Some(first.plus(later.i32(from..to) * (last.0 - first.0) / 100))
    };
    let left = someday(LEAVING_SHARE, 20, 95);
    let formerly = someday(RENAMED_SHARE, 10, 90).map(|day| (day, format!("{}-{index}", &nickname[..3])));
    let managed = service || !seed.chance(Topic::People, 6, index as u64, GUEST_SHARE);
    User {
        account_id,
        uuid: format!("{{{}}}", seed.uuid(Topic::People, 3, index as u64)),
        email: format!("{local}@{}", if managed { "example.test" } else { "guests.test" }),
        nickname,
        display_name,
        team,
        service,
        managed,
        workspaces: member_of,
        formerly,
        left,
    }
}

/// Nickname, display name and the local part of the address; the index keeps them unique.
fn identity(rng: &mut fastrand::Rng, index: usize, team: &str, service: bool) -> (String, String, String) {
    if service {
        let role = pick(rng, &["ci", "deploy", "bot", "build", "sync", "release"]);
        let nickname = format!("svc-{role}-{team}-{index}");
        return (nickname.clone(), format!("{team} {role} (service)"), nickname);
    }
    let (first, last) = (pick(rng, FIRST), pick(rng, LAST));
    let plain: String = format!("{first}{last}").chars().filter(char::is_ascii_alphabetic).collect();
    let nickname = format!("{}{}", plain.to_lowercase(), index);
    let surname: String = last.chars().filter(char::is_ascii_alphabetic).collect();
    let local = format!("{}.{}{}", first.to_lowercase(), surname.to_lowercase(), index);
    (nickname, format!("{first} {last}"), local)
}
