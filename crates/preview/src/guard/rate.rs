//! A limit on requests.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Allows so many requests a second, and twice as many at once after a pause.
pub(crate) struct RateLimit {
    interval: Duration,
    burst: Duration,
    /// The moment at which the allowance is full again.
    full: Mutex<Instant>,
}

impl RateLimit {
    pub(crate) fn new(per_s: u32, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_s.max(1),
            burst: Duration::from_secs(2),
            full: Mutex::new(now),
        }
    }

    /// Counts a request. Returns false if it comes too early.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut full = self.full.lock();
        let next = (*full).max(now) + self.interval;
        let allowed = next <= now + self.burst;
        if allowed {
            *full = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let start = Instant::now();
        let limit = RateLimit::new(10, start);
        assert_eq!((0..100).filter(|_| limit.allows(start)).count(), 20);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| limit.allows(later)).count(), 5);
        assert!(limit.allows(start + Duration::from_secs(60)));
    }
}
