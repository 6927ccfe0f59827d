//! A clock that stands still until told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use passerby_types::{Clock, Timestamp};

/// A clock that stands still until told. A clone shows the same time. Its wall clock starts at 2026-01-01 00:00 UTC.
#[derive(Clone, Debug, Default)]
pub struct SimulatedClock {
    elapsed: Arc<Mutex<Duration>>,
}

impl SimulatedClock {
    /// A clock at its origin.
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
