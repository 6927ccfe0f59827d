//! A limit on the requests of each client.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The most addresses that are kept. Beyond it, further ones share one allowance.
const MAX_CLIENTS: usize = 4096;
/// Stands for all clients that are not kept: no client has this address.
const OTHERS: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);
/// An allowance is at most that of this time.
const BURST: Duration = Duration::from_secs(2);

/// Limits the requests a second of each client. After a pause, a client may send those of two seconds at once.
pub(crate) struct RateLimit {
    interval: Duration,
    /// The moment at which the allowance of each client is full again. Clients whose allowance is full need no entry.
    full: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl RateLimit {
    pub(crate) fn new(per_s: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_s.max(1), full: Mutex::default() }
    }

    /// Counts a request of a client. Returns false if it comes too early.
    pub(crate) fn allows(&self, client: IpAddr, now: Instant) -> bool {
        let mut full = self.full.lock();
        let mut client = network(client);
        if full.len() >= MAX_CLIENTS && !full.contains_key(&client) {
            full.retain(|_, full| *full > now);
            if full.len() >= MAX_CLIENTS {
                client = OTHERS;
            }
        }
        let entry = full.entry(client).or_insert(now);
        let next = (*entry).max(now) + self.interval;
        let is_allowed = next <= now + BURST;
        if is_allowed {
            *entry = next;
        }
        is_allowed
    }
}

/// Returns the address that stands for a client. An IPv6 client chooses the lower 64 bits of its address itself (RFC 4291).
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let start = Instant::now();
        let limit = RateLimit::new(10);
        assert_eq!((0..100).filter(|_| limit.allows(client(1), start)).count(), 20);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| limit.allows(client(1), later)).count(), 5);
        assert!(limit.allows(client(1), start + Duration::from_secs(60)));
    }

    #[test]
    fn a_client_does_not_use_up_the_requests_of_others() {
        let start = Instant::now();
        let limit = RateLimit::new(10);
        assert_eq!((0..100).filter(|_| limit.allows(client(1), start)).count(), 20);
        assert_eq!((0..100).filter(|_| limit.allows(client(2), start)).count(), 20);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_client() {
        let start = Instant::now();
        let limit = RateLimit::new(10);
        let address = |n: u32| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(n)));
        assert_eq!((0..100).filter(|n| limit.allows(address(*n), start)).count(), 20);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!((network(mapped), network(client(7))), ("10.0.0.1".parse().unwrap(), client(7)));
    }

    #[test]
    fn more_addresses_than_are_kept_share_one_allowance_until_others_are_quiet() {
        let start = Instant::now();
        let limit = RateLimit::new(10);
        let max = MAX_CLIENTS as u32;
        assert!((0..max).all(|n| limit.allows(client(n), start)));
        assert_eq!((max..2 * max).filter(|n| limit.allows(client(*n), start)).count(), 20);
        assert_eq!(limit.full.lock().len(), MAX_CLIENTS + 1);
        assert!(limit.allows(client(5), start), "a known client is not touched");
        let later = start + Duration::from_secs(10);
        assert!(limit.allows(client(max), later));
        assert_eq!(limit.full.lock().len(), 1);
    }
}
