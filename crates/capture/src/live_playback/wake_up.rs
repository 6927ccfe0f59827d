//! Wakes a played camera for good.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passerby_types::{CancelHandle, FrameSource};

/// Wakes a camera that waits for its time or for its source, and ends it.
#[derive(Default)]
pub(super) struct WakeUp {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    cancel_source: Option<CancelHandle>,
}

impl WakeUp {
    pub(super) fn cancel(&self) {
        let source = {
            let mut state = self.lock();
            state.cancelled = true;
            state.cancel_source.take()
        };
        self.changed.notify_all();
        source.iter().for_each(CancelHandle::cancel);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Makes `cancel` also end this source from now on.
    pub(super) fn attach(&self, source: &dyn FrameSource) {
        let handle = source.cancel_handle();
        let mut state = self.lock();
        if !state.cancelled {
            state.cancel_source = handle;
            return;
        }
        drop(state);
        handle.iter().for_each(CancelHandle::cancel);
    }

    /// Waits for this time, or until `cancel` is called.
    pub(super) fn wait(&self, time: Duration) {
        drop(self.changed.wait_timeout_while(self.lock(), time, |state| !state.cancelled));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
