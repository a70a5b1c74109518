//! Traffic that must not be mistaken for anybody's sign-in: other hosts, public repositories, lone health checks.

use std::net::Ipv4Addr;

use crate::evidence::Day;

use super::{
    super::{
        Door, World,
        seed::{Topic, pick, poisson},
    },
    exchange::{API_HOST, Exchange, GIT_HOST},
};

/// Such requests a day for each hundred users.
const A_DAY_PER_HUNDRED_USERS: f64 = 55.0;
const OTHER_HOSTS: &[&str] = &["github.com", "registry.npmjs.org", "pypi.org", "packages.example.test", "notbitbucket.org"];
const AGENTS: &[&str] = &["git/2.43.0", "curl/8.5.0", "npm/10.8.2 node/v20.18.0 linux x64", "Mozilla/5.0 (X11; Linux x86_64)"];

/// The logs that nothing else may show on a day, and how often a day a probe passes by them.
const PROBED: [Door; 3] = [Door::Gateway, Door::Squid, Door::Filter];
const PROBES_A_DAY: i64 = 6;

/// Hands over the day's noise of every log that carries web traffic.
pub(super) fn of_day<'a>(world: &'a World, day: Day, give: &mut impl FnMut(Door, Exchange<'a>)) {
    let mut rng = world.seed.stream(Topic::Noise, 0, u64::from(day.0.unsigned_abs()));
    let hundreds = f64::from(u32::try_from(world.places.users.len()).unwrap_or(u32::MAX)) / 100.0;
    for _ in 0..poisson(&mut rng, hundreds * A_DAY_PER_HUNDRED_USERS) {
        let door = *pick(&mut rng, &[Door::Inspected, Door::Inspected, Door::Plain, Door::Squid]);
        let repository = rng.usize(..world.places.repositories.len());
        let name = world.places.full_name(repository);
        let (host, path, status) = match rng.u32(..10) {
            0..6 => (*pick(&mut rng, OTHER_HOSTS), format!("/{name}/archive/main.tar.gz"), 200),
            6 | 7 if !world.places.repositories[repository].is_private => {
                (GIT_HOST, format!("/{name}.git/info/refs?service=git-upload-pack"), 200)
            }
            6..8 => (API_HOST, "/2.0/hook_events".to_owned(), 200),
            8 => (API_HOST, format!("/2.0/repositories/{name}"), 404),
            _ => (GIT_HOST, "/product".to_owned(), 200),
        };
        give(
            door,
            Exchange {
                at_ms: day.start_ms() + rng.i64(0..86_390_000),
                address: Ipv4Addr::new(10, 50, rng.u8(1..=40), rng.u8(2..250)).into(),
                host,
                method: "GET",
                path,
                status,
                agent: AGENTS[rng.usize(..AGENTS.len())],
                login: None,
                message: None,
                salt: rng.u64(..),
            },
        );
    }
    for (door, number) in PROBED.into_iter().flat_map(|door| (0..PROBES_A_DAY).map(move |number| (door, number))) {
        give(door, probe(day.start_ms() + number * 14_400_000 + 17_000));
    }
}

/// Somebody looks whether Bitbucket is there.
fn probe<'a>(at_ms: i64) -> Exchange<'a> {
    Exchange {
        at_ms,
        address: Ipv4Addr::new(10, 50, 0, 9).into(),
        host: GIT_HOST,
        method: "HEAD",
        path: "/".to_owned(),
        status: 200,
        agent: AGENTS[1],
        login: None,
        message: None,
        salt: at_ms.unsigned_abs() / 1_000,
    }
}
