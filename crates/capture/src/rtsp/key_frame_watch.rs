//! Watches for packets that come while no key frame does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use passerby_types::{Clock, Timestamp};

/// Knows since when frames have come that need a key frame which never came.
pub(super) struct KeyFrameWatch {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The arrival of the first frame without a key frame before it.
    since: Option<Timestamp>,
    /// True if such a frame came after the last look.
    fresh: bool,
}

impl KeyFrameWatch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Notes that a frame came that needs an earlier key frame.
    pub(super) fn frame(&self) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.since.get_or_insert(now);
        state.fresh = true;
    }

    /// Notes that the key frame came.
    pub(super) fn key_frame(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Returns how long frames have come without a key frame. `None` if the stream has begun, or no frame came since the last
    /// call.
    pub(super) fn take(&self) -> Option<Duration> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.fresh).then_some(now.since(state.since?))
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::SimulatedClock;

    use super::*;

    #[test]
    fn only_frames_without_a_key_frame_count() {
        let clock = SimulatedClock::new();
        let watch = KeyFrameWatch::new(Arc::new(clock.clone()));
        assert_eq!(watch.take(), None);
        watch.frame();
        clock.advance(Duration::from_secs(2));
        watch.frame();
        assert_eq!(watch.take(), Some(Duration::from_secs(2)));
        assert_eq!(watch.take(), None, "a silent camera");
        watch.frame();
        watch.key_frame();
        assert_eq!(watch.take(), None, "the stream has begun");
    }
}
