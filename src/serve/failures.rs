//! Wrong tokens, by the address that they came from: after some of them the address waits, whatever it presents. A right
//! token waits with the wrong ones, or waiting would tell them apart.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Wrong tokens that one address may present at once: more than a person mistypes, far fewer than a guess needs.
const BURST: u32 = 20;

/// One more after each such time.
const PAUSE: Duration = Duration::from_secs(5);

/// Addresses that are remembered, some hundred kilobytes; beyond them the one that is forgiven soonest is forgotten.
const MAX_ADDRESSES: usize = 4_096;

/// When each address that failed is forgiven.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, Instant>>);

impl Failures {
    /// Whether an address may try, or how long it has to wait.
    pub(super) fn patience(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(forgiven_at) = self.lock().get(&neighbourhood(address)).copied() else { return Ok(()) };
        let wait = forgiven_at.saturating_duration_since(now).saturating_sub(PAUSE * (BURST - 1));
        if wait > Duration::ZERO { Err(wait) } else { Ok(()) }
    }

    /// Remembers a wrong token.
    pub(super) fn note(&self, address: IpAddr, now: Instant) {
        let mut known = self.lock();
        let address = neighbourhood(address);
        if known.len() >= MAX_ADDRESSES && !known.contains_key(&address) {
            known.retain(|_, forgiven_at| *forgiven_at > now);
            let soonest = known.iter().min_by_key(|(_, forgiven_at)| **forgiven_at).map(|(address, _)| *address);
            if let Some(soonest) = soonest.filter(|_| known.len() >= MAX_ADDRESSES) {
                known.remove(&soonest);
            }
        }
        let forgiven_at = known.entry(address).or_insert(now);
        *forgiven_at = (*forgiven_at).max(now) + PAUSE;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An IPv4 address itself; of IPv6 the network of one customer, who has all addresses in it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_often_waits_and_is_forgiven_in_time() {
        let (failures, now, one) = (Failures::default(), Instant::now(), address("198.51.100.7"));
        for _ in 0..BURST {
            assert_eq!(failures.patience(one, now), Ok(()));
            failures.note(one, now);
        }
        assert_eq!(failures.patience(one, now), Err(PAUSE));
        assert_eq!(failures.patience(address("198.51.100.8"), now), Ok(()));
        assert_eq!(failures.patience(address("::ffff:198.51.100.7"), now), Err(PAUSE));
        assert_eq!(failures.patience(one, now + PAUSE), Ok(()));
        failures.note(one, now + PAUSE);
        assert_eq!(failures.patience(one, now + PAUSE), Err(PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_addresses_counts_as_one_and_many_networks_fill_no_memory() {
        let (failures, now) = (Failures::default(), Instant::now());
        for host in 0..BURST {
            failures.note(address(&format!("2001:db8:0:1::{host:x}")), now);
        }
        assert_eq!(failures.patience(address("2001:db8:0:1:ffff::1"), now), Err(PAUSE));
        assert_eq!(failures.patience(address("2001:db8:0:2::1"), now), Ok(()));
        for n in 0..20_000_u32 {
            failures.note(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(failures.lock().len(), MAX_ADDRESSES);
        assert_eq!(failures.patience(address("2001:db8:0:1::1"), now), Err(PAUSE), "the worst one is remembered");
    }
}
