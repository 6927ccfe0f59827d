//! A clock by which a test observes how many frames have arrived.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use passerby_testkit::SimulatedClock;
use passerby_types::{Clock, Timestamp};

/// The time in which everything that a test waits for must happen.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A simulated clock that counts how often a source's receiving thread reads it: once for each frame that arrives.
#[derive(Clone)]
pub struct ArrivalClock {
    pub clock: SimulatedClock,
    thread: &'static str,
    arrivals: Arc<(Mutex<usize>, Condvar)>,
}

impl ArrivalClock {
    /// Creates a clock that counts the calls of the thread with this name.
    pub fn new(thread: &'static str) -> Self {
        Self { clock: SimulatedClock::new(), thread, arrivals: Arc::default() }
    }

    /// Waits until this number of frames has arrived.
    pub fn wait_for_arrivals(&self, frames: usize) {
        let (arrivals, changed) = &*self.arrivals;
        let arrivals = arrivals.lock().expect("no panic");
        let waited = changed.wait_timeout_while(arrivals, TIMEOUT, |arrivals| *arrivals < frames);
        let (arrivals, _) = waited.expect("no panic");
        assert!(*arrivals >= frames, "{arrivals} of {frames} frames have arrived");
    }
}

impl Clock for ArrivalClock {
    fn now(&self) -> Timestamp {
        // The time is read first. The test may advance the clock as soon as the last arrival is counted.
        let now = self.clock.now();
        if std::thread::current().name() == Some(self.thread) {
            let (arrivals, changed) = &*self.arrivals;
            *arrivals.lock().expect("no panic") += 1;
            changed.notify_all();
        }
        now
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }
}
