//! The gate that pauses the readers, and ends every sleep when the pipeline stops.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How often a paused reader checks whether its camera must stop.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Pauses the readers of all cameras. It starts paused.
///
/// It is also the pipeline's interruptible sleep: [`PauseGate::stop`] ends every wait.
#[derive(Default)]
pub(crate) struct PauseGate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The moment of the last resume, or `None` while the pipeline is paused.
    resumed_at: Option<Instant>,
    stopped: bool,
}

impl PauseGate {
    /// Pauses the readers: each stops before its next picture.
    pub(crate) fn pause(&self) {
        self.state.lock().resumed_at = None;
    }

    /// Lets the readers go on.
    pub(crate) fn resume(&self) {
        self.state.lock().resumed_at = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Returns the moment of the last [`PauseGate::resume`], or `None` while the pipeline is paused.
    pub(crate) fn resumed_at(&self) -> Option<Instant> {
        self.state.lock().resumed_at
    }

    /// Ends every wait, now and from now on.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits while the pipeline is paused. Returns early if the pipeline stops or `is_stopping` returns true.
    pub(crate) fn wait_while_paused(&self, is_stopping: impl Fn() -> bool) {
        let mut state = self.state.lock();
        while state.resumed_at.is_none() && !state.stopped && !is_stopping() {
            self.changed.wait_for(&mut state, STOP_POLL_INTERVAL);
        }
    }

    /// Waits for `time`. Returns false if the pipeline stops before it is over, or has stopped already.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.stopped {
            if self.changed.wait_until(&mut state, end).timed_out() {
                return !state.stopped;
            }
        }
        false
    }
}
