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

/// That somebody guesses is said in the log, and again after this long: guesses must not fill it.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// When each address that failed is forgiven.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    forgiven_at: HashMap<IpAddr, Instant>,
    /// When it was last said that an address waits.
    said_at: Option<Instant>,
}

impl Failures {
    /// Whether an address may try, or how long it has to wait.
    pub(super) fn patience(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(forgiven_at) = self.lock().forgiven_at.get(&neighbourhood(address)).copied() else { return Ok(()) };
        let wait = wait(forgiven_at, now);
        if wait > Duration::ZERO { Err(wait) } else { Ok(()) }
    }

    /// Remembers a wrong token, and says in the log when somebody seems to guess.
    pub(super) fn note(&self, address: IpAddr, now: Instant) {
        if self.remember(neighbourhood(address), now) {
            let address = address.to_canonical();
            tracing::warn!(%address, "too many wrong tokens came from this address: it has to wait; so may others in the next hour");
        }
    }

    /// Whether somebody seems to guess, and that is news.
    fn remember(&self, address: IpAddr, now: Instant) -> bool {
        let Known { forgiven_at: known, said_at } = &mut *self.lock();
        if known.len() >= MAX_ADDRESSES && !known.contains_key(&address) {
            known.retain(|_, forgiven_at| *forgiven_at > now);
            let soonest = known.iter().min_by_key(|(_, forgiven_at)| **forgiven_at).map(|(address, _)| *address);
            if let Some(soonest) = soonest.filter(|_| known.len() >= MAX_ADDRESSES) {
                known.remove(&soonest);
            }
        }
        let forgiven_at = known.entry(address).or_insert(now);
        *forgiven_at = (*forgiven_at).max(now) + PAUSE;
        let is_news = wait(*forgiven_at, now) > Duration::ZERO
            && said_at.is_none_or(|said_at| now.saturating_duration_since(said_at) >= SAID_AGAIN_AFTER);
        if is_news {
            *said_at = Some(now);
        }
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long who is forgiven then has to wait before another token of theirs is looked at.
fn wait(forgiven_at: Instant, now: Instant) -> Duration {
    forgiven_at.saturating_duration_since(now).saturating_sub(PAUSE * (BURST - 1))
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
    async fn that_somebody_guesses_is_news_once_an_hour() {
        let (failures, begun, one) = (Failures::default(), Instant::now(), address("198.51.100.7"));
        let news = |seconds: u64| failures.remember(one, begun + Duration::from_secs(seconds));
        let told: Vec<u64> = (0..8_000).filter(|seconds| news(*seconds)).collect();
        assert_eq!(told, [23, 3_623, 7_223]);
        let others =
            (1..200).any(|n| failures.remember(address(&format!("203.0.113.{}", n % 20)), begun + Duration::from_secs(7_300)));
        assert!(!others, "they are among those that were told of");
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
        assert_eq!(failures.lock().forgiven_at.len(), MAX_ADDRESSES);
        assert_eq!(failures.patience(address("2001:db8:0:1::1"), now), Err(PAUSE), "the worst one is remembered");
    }
}
