//! Who and what there is: people, teams, workspaces, repositories and rights. None of it changes with time.

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
    /// Indices of the workspaces it is a member of.
    pub workspaces: Vec<usize>,
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
    pub fn generate(seed: Seed, scale: &Scale) -> Self {
        let workspaces: Vec<_> = (0..scale.workspaces).map(|index| workspace(seed, index, scale.workspaces)).collect();
        let teams: Vec<_> = (0..scale.teams).map(|index| team(seed, index, scale.workspaces)).collect();
        let repositories = (0..scale.repositories).map(|index| repository(seed, index, &teams)).collect();
        let users = (0..scale.users).map(|index| user(seed, index, &teams, scale.workspaces)).collect();
        Self { teams, workspaces, repositories, users }
    }

    pub fn full_name(&self, repository: usize) -> String {
        let it = &self.repositories[repository];
        format!("{}/{}", self.workspaces[it.workspace].slug, it.slug)
    }

    pub fn members(&self, workspace: usize) -> impl Iterator<Item = (usize, &User)> {
        self.users.iter().enumerate().filter(move |(_, user)| user.workspaces.contains(&workspace))
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

fn workspace(seed: Seed, index: usize, count: usize) -> Workspace {
    let slug = numbered(WORKSPACES, index);
    let mut name = slug.replace('-', " ");
    name[..1].make_ascii_uppercase();
    Workspace {
        uuid: format!("{{{}}}", seed.uuid(Topic::Places, 1, index as u64)),
        slug,
        name,
        administered: index + 1 != count,
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

fn user(seed: Seed, index: usize, teams: &[Team], workspaces: usize) -> User {
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
    User {
        account_id,
        uuid: format!("{{{}}}", seed.uuid(Topic::People, 3, index as u64)),
        email: format!("{local}@example.test"),
        nickname,
        display_name,
        team,
        service,
        workspaces: member_of,
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
