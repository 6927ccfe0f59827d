//! The phases of a camera from its start to its end, and its permits for frames inside the pipeline.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The phase of a camera's life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    /// The reader pulls pictures.
    Running,
    /// The reader must stop. The frames that are inside are still observed.
    Draining,
    /// The time for that is over: the frames that are still inside are dropped.
    Abandoned,
    /// The camera's own thread has ended.
    Ended,
}

/// A camera's [`Life`], and its permits for frames inside the pipeline.
pub(crate) struct Lifecycle {
    state: Mutex<State>,
    changed: Condvar,
    max_in_flight: usize,
}

struct State {
    life: Life,
    in_flight: usize,
}

impl Lifecycle {
    /// Creates a running camera that may have `max_in_flight` frames inside.
    pub(crate) fn new(max_in_flight: usize) -> Self {
        let state = State { life: Life::Running, in_flight: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), max_in_flight }
    }

    pub(crate) fn life(&self) -> Life {
        self.state.lock().life
    }

    /// Moves on to `life`, unless the camera is there or further already.
    pub(crate) fn advance(&self, life: Life) {
        let mut state = self.state.lock();
        state.life = state.life.max(life);
        self.changed.notify_all();
    }

    /// Takes a permit for one more frame. Returns false if all are taken. With `wait` it waits for one first, and returns
    /// false only if the camera is abandoned or ends meanwhile.
    pub(crate) fn enter(&self, wait: bool) -> bool {
        let mut state = self.state.lock();
        while state.in_flight >= self.max_in_flight {
            if !wait || state.life >= Life::Abandoned {
                return false;
            }
            self.changed.wait(&mut state);
        }
        state.in_flight += 1;
        true
    }

    /// Gives a permit back.
    pub(crate) fn leave(&self) {
        self.state.lock().in_flight -= 1;
        self.changed.notify_all();
    }

    /// Returns true if no frame is inside.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().in_flight == 0
    }

    /// Waits for `time`, or until the camera leaves [`Life::Running`].
    pub(crate) fn rest(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.state.lock();
        while state.life == Life::Running && !self.changed.wait_until(&mut state, end).timed_out() {}
    }

    /// Waits until the camera has ended. Returns false if `timeout` is over first. `None` waits without a limit.
    pub(crate) fn wait_ended(&self, timeout: Option<Duration>) -> bool {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state.lock();
        while state.life != Life::Ended {
            match end {
                None => self.changed.wait(&mut state),
                Some(end) => {
                    if self.changed.wait_until(&mut state, end).timed_out() {
                        return state.life == Life::Ended;
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_never_goes_back() {
        let lifecycle = Lifecycle::new(1);
        lifecycle.advance(Life::Ended);
        lifecycle.advance(Life::Draining);
        assert_eq!(lifecycle.life(), Life::Ended);
        assert!(lifecycle.wait_ended(Some(Duration::ZERO)));
    }

    #[test]
    fn a_frame_enters_if_there_is_a_permit() {
        let lifecycle = Lifecycle::new(1);
        assert!(lifecycle.enter(false));
        assert!(!lifecycle.enter(false));
        lifecycle.leave();
        assert!(lifecycle.is_idle() && lifecycle.enter(true));
    }

    #[test]
    fn an_abandoned_camera_waits_for_no_permit() {
        let lifecycle = Lifecycle::new(1);
        assert!(lifecycle.enter(true));
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| lifecycle.enter(true));
            lifecycle.advance(Life::Abandoned);
            assert!(!entered.join().unwrap());
        });
    }
}
