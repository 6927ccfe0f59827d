//! Time.
//!
//! Every time in a result (when a frame arrived, how old it is, when a person was seen) and every schedule comes from a
//! [`Clock`] that the caller injects, so tests can simulate it. A wait with a timeout, for example at a queue or a socket, uses
//! the system's clock, because the operating system wakes the waiting thread. So does the profile of a network
//! (`crates/cnn/src/session.rs`): it measures the time of each step, and its crate knows no other crate of the workspace.

use std::time::{Duration, Instant, SystemTime};

/// A moment on a [`Clock`]: the time since the clock's origin. Only moments of the same clock can be compared.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_types::Timestamp;
///
/// let earlier = Timestamp(Duration::from_secs(1));
/// let later = Timestamp(Duration::from_secs(3));
/// assert_eq!(later.since(earlier), Duration::from_secs(2));
/// assert_eq!(earlier.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Duration);

impl Timestamp {
    /// Returns the time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A source of time. Programs use [`SystemClock`], and tests use a simulated clock.
pub trait Clock: Send + Sync {
    /// Returns the time since the clock's origin. It never goes back.
    fn now(&self) -> Timestamp;
    /// Returns the time of day, for storage and display. It may jump.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clock. Its origin is the moment of its creation.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Creates a clock whose origin is now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.origin.elapsed())
    }
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
