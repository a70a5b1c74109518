//! Where uses come from: networks with a name, networks without one, and laptops that move. All addresses are private or
//! reserved for documentation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::evidence::{Day, NamedNetworks};

use super::{
    seed::{Seed, Topic},
    software::Place,
};

/// The networks that the configuration names: name, network, and the second byte of its addresses.
pub(super) const NAMED: &[(&str, &str, u8)] =
    &[("build-farm", "10.20.0.0/16", 20), ("datacenter", "10.30.0.0/16", 30), ("cluster", "10.40.0.0/16", 40)];

/// Second byte of the networks without a name, 10.50.N.0/24.
const BRANCH: u8 = 50;
const BRANCHES: u8 = 16;
/// One branch in so many has all its people and machines behind one address.
const TRANSLATED_EVERY: u8 = 3;

/// Where one deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// An index of [`NAMED`].
    Named(usize),
    /// The third byte of its network.
    Branch(u8),
    Roaming,
}

impl Site {
    pub fn of(place: Place, rng: &mut fastrand::Rng) -> Self {
        match place {
            Place::BuildFarm => Self::Named(0),
            Place::Datacenter => Self::Named(1),
            Place::Cluster => Self::Named(2),
            Place::Branch => Self::Branch(rng.u8(1..=BRANCHES)),
            Place::Laptop => Self::Roaming,
        }
    }

    /// An address from which something at this site calls on a day. Hosts of a machine change month by month inside the
    /// site; a laptop is at home or behind the office's address translation, day by day.
    pub fn address(self, seed: Seed, integration: u64, day: Day, rng: &mut fastrand::Rng) -> IpAddr {
        let month = u64::try_from(day.0 / 30).unwrap_or(0);
        let base = seed.hash(Topic::Address, integration, month);
        let host = low_byte(base.rotate_right(u32::from(rng.u8(..3)) * 8)).clamp(2, 250);
        match self {
            Self::Named(index) => Ipv4Addr::new(10, NAMED[index].2, low_byte(base >> 40), host).into(),
            Self::Branch(net) if net % TRANSLATED_EVERY == 0 => Ipv4Addr::new(10, BRANCH, net, 1).into(),
            Self::Branch(net) => Ipv4Addr::new(10, BRANCH, net, host).into(),
            Self::Roaming => roaming(seed, integration, day),
        }
    }
}

fn roaming(seed: Seed, integration: u64, day: Day) -> IpAddr {
    let draw = seed.hash(Topic::Address, integration ^ (1 << 40), u64::from(day.0.unsigned_abs()));
    let host = low_byte(draw >> 8).clamp(2, 250);
    match draw % 10 {
        0..5 => Ipv4Addr::new(203, 0, 113, 1 + low_byte(draw >> 16) % 4).into(),
        5..8 => Ipv4Addr::new(198, 51, 100, low_byte(seed.hash(Topic::Address, integration, 7)).clamp(2, 250)).into(),
        8 => Ipv4Addr::new(192, 0, 2, host).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, u16::from(host), 0, 0, 0, 0, 1 + u16::from(host)).into(),
    }
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// The named networks in the product's own form.
pub(super) fn named_networks() -> NamedNetworks {
    let parsed =
        NAMED.iter().map(|(name, net, _)| (net.parse().expect("the networks above are well formed"), (*name).to_owned()));
    NamedNetworks::new(parsed.collect())
}
