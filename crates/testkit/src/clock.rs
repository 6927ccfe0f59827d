//! A clock for tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use passerby_types::{Clock, Timestamp};

/// A clock that stands still until a test advances it. A clone shows the same time.
///
/// Its time of day starts at 2026-01-01 00:00 UTC.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_testkit::SimulatedClock;
/// use passerby_types::Clock;
///
/// let clock = SimulatedClock::new();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now().0, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimulatedClock {
    elapsed: Arc<Mutex<Duration>>,
}

impl SimulatedClock {
    /// Creates a clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(*self.elapsed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + self.now().0
    }
}
