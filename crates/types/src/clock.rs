//! Time, injected: nothing in passerby reads a clock it was not given.

use std::time::{Duration, Instant, SystemTime};

/// A moment on a [`Clock`]: the time since the clock's origin. Only moments of the same clock compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Duration);

impl Timestamp {
    /// The time from `earlier` to `self`; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where the time comes from. The real one is [`SystemClock`]; tests use a simulated one.
pub trait Clock: Send + Sync {
    /// The monotonic time since the clock's origin. Never goes back.
    fn now(&self) -> Timestamp;
    /// The time of day, for what is stored and shown. May jump.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clock. Its origin is the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that starts now.
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
