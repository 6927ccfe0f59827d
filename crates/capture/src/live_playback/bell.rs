//! What wakes a played camera.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passerby_types::{CancelHandle, FrameSource};

/// Wakes a camera that waits, for its time or in its source, for good.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    rings: Condvar,
}

#[derive(Default)]
struct Rung {
    rung: bool,
    /// Ends the source that is played.
    source: Option<CancelHandle>,
}

impl Bell {
    pub(super) fn ring(&self) {
        let source = {
            let mut rung = self.lock();
            rung.rung = true;
            rung.source.take()
        };
        self.rings.notify_all();
        source.iter().for_each(CancelHandle::cancel);
    }

    pub(super) fn has_rung(&self) -> bool {
        self.lock().rung
    }

    /// From now on it ends this source, too.
    pub(super) fn reach(&self, source: &dyn FrameSource) {
        let cancel = source.cancel_handle();
        let mut rung = self.lock();
        if !rung.rung {
            rung.source = cancel;
            return;
        }
        drop(rung);
        cancel.iter().for_each(CancelHandle::cancel);
    }

    /// Waits so long, or until it rings.
    pub(super) fn wait(&self, time: Duration) {
        drop(self.rings.wait_timeout_while(self.lock(), time, |rung| !rung.rung));
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
